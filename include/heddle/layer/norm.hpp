/// @file
/// Layer norm, RMS norm, and batch norm in its folded form.
#pragma once

#include <array>

#include "../core/fixed_string.hpp"
#include "../core/math.hpp"
#include "../model/module.hpp"
#include "../primitive/normalize.hpp"

namespace heddle::inline v0 {

/// Layer norm over channels (Ba et al., arXiv 1607.06450). Parameters: `weight`, `bias`, each `[C]`.
template <std::size_t C, ratio Epsilon = ratio{1, 100000}>
struct layer_norm {
  static constexpr std::size_t in_channels = C;
  static constexpr std::size_t out_channels = C;
  static constexpr bool in_place_rows = true;

  parameter<C> weight;
  parameter<C> bias;

  static constexpr auto members() { return heddle::members<&layer_norm::weight, &layer_norm::bias>("weight", "bias"); }
  static constexpr std::uint64_t row_multiply_adds() noexcept { return 0; }
  template <class Backend>
  static constexpr std::size_t row_scratch_bytes(const Backend&, std::size_t) noexcept {
    return 0;
  }
  template <class Backend>
  void forward_rows(context<Backend> ctx, matrix_view<const float> x, matrix_view<float> y) const {
    if (!weight.is_bound()) detail::raise<weight_error>("layer_norm: its weights are not bound; call heddle::io::bind first");
    layer_normalize(ctx, x, weight.span(), bias.span(), static_cast<float>(Epsilon.value()), y);
  }
};

/// RMS norm over channels (Zhang and Sennrich, arXiv 1910.07467). Parameter: `weight` `[C]`.
template <std::size_t C, ratio Epsilon = ratio{1, 1000000}>
struct rms_norm {
  static constexpr std::size_t in_channels = C;
  static constexpr std::size_t out_channels = C;
  static constexpr bool in_place_rows = true;

  parameter<C> weight;

  static constexpr auto members() { return heddle::members<&rms_norm::weight>("weight"); }
  static constexpr std::uint64_t row_multiply_adds() noexcept { return 0; }
  template <class Backend>
  static constexpr std::size_t row_scratch_bytes(const Backend&, std::size_t) noexcept {
    return 0;
  }
  template <class Backend>
  void forward_rows(context<Backend> ctx, matrix_view<const float> x, matrix_view<float> y) const {
    if (!weight.is_bound()) detail::raise<weight_error>("rms_norm: its weights are not bound; call heddle::io::bind first");
    rms_normalize(ctx, x, weight.span(), static_cast<float>(Epsilon.value()), y);
  }
};

/// Batch norm with its running statistics (Ioffe and Szegedy, arXiv 1502.03167), which inference turns into one scale and
/// shift a channel. It has no forward pass: convolutions fold it into their weights at load. Parameters `weight`, `bias`,
/// buffers `running_mean`, `running_var`, each `[C]`.
template <std::size_t C, ratio Epsilon = ratio{1, 100000}>
struct batch_norm {
  static constexpr std::size_t channels = C;
  parameter<C> weight;
  parameter<C> bias;
  buffer<C> running_mean;
  buffer<C> running_var;

  static constexpr auto members() {
    return heddle::members<&batch_norm::weight, &batch_norm::bias, &batch_norm::running_mean, &batch_norm::running_var>(
        "weight", "bias", "running_mean", "running_var");
  }

  /// `gamma / sqrt(variance + epsilon)` of channel `c`.
  double scale(std::size_t c) const noexcept {
    return static_cast<double>(weight.data()[c]) / math::sqrt(static_cast<double>(running_var.data()[c]) + Epsilon.value());
  }
  /// `beta - mean * scale` of channel `c`.
  double shift(std::size_t c) const noexcept {
    return static_cast<double>(bias.data()[c]) - static_cast<double>(running_mean.data()[c]) * scale(c);
  }
};

/// Batch norm that was not trained: its gain and shift are stored with the statistics and are no parameters. Buffers
/// `weight`, `bias`, `running_mean`, `running_var`, each `[C]`.
template <std::size_t C, ratio Epsilon = ratio{1, 100000}>
struct frozen_batch_norm {
  static constexpr std::size_t channels = C;
  buffer<C> weight;
  buffer<C> bias;
  buffer<C> running_mean;
  buffer<C> running_var;

  static constexpr auto members() {
    return heddle::members<&frozen_batch_norm::weight, &frozen_batch_norm::bias, &frozen_batch_norm::running_mean,
                           &frozen_batch_norm::running_var>("weight", "bias", "running_mean", "running_var");
  }
  double scale(std::size_t c) const noexcept {
    return static_cast<double>(weight.data()[c]) / math::sqrt(static_cast<double>(running_var.data()[c]) + Epsilon.value());
  }
  double shift(std::size_t c) const noexcept {
    return static_cast<double>(bias.data()[c]) - static_cast<double>(running_mean.data()[c]) * scale(c);
  }
};

/// Stands where a layer has no norm.
struct no_norm {
  static constexpr double scale(std::size_t) noexcept { return 1.0; }
  static constexpr double shift(std::size_t) noexcept { return 0.0; }
};

}  // namespace heddle::inline v0
