/// @file
/// The two heads of the MaxViT family: mean over the map, then one linear layer or two.
#pragma once

#include <type_traits>

#include "heddle/layer/linear.hpp"
#include "heddle/layer/norm.hpp"
#include "heddle/layer/self_attention.hpp"
#include "heddle/primitive/map.hpp"

namespace heddle::examples {

namespace detail {

/// The mean of every image of a map, `[batch, channels]`, in scratch of the caller's context.
template <class Backend>
matrix_view<float> mean_of_images(context<Backend>& ctx, map_view<const float> x) {
  const std::size_t channels = x.extent(3);
  const std::size_t rows = x.extent(1) * x.extent(2);
  const auto mean = make_matrix(ctx.scratch.template take<float>(x.extent(0) * channels), x.extent(0), channels);
  for (std::size_t b = 0; b < x.extent(0); ++b)
    mean_rows(ctx, make_matrix(x.data_handle() + b * rows * channels, rows, channels),
              std::span<float>(mean.data_handle() + b * channels, channels));
  return mean;
}

}  // namespace detail

namespace detail {
/// The classifier, or nothing: without classes what it would read is the result.
template <std::size_t In, std::size_t Classes>
using maxvit_classifier = std::conditional_t<Classes == 0, heddle::detail::no_weights, linear<In, Classes == 0 ? 1 : Classes>>;
}  // namespace detail

/// Norm of every pixel, mean, linear layer ("rw").
template <std::size_t Channels, std::size_t Classes, ratio Epsilon>
struct maxvit_linear_head {
  static constexpr std::size_t outputs = Classes == 0 ? Channels : Classes;

  layer_norm<Channels, Epsilon> norm;
  [[no_unique_address]] detail::maxvit_classifier<Channels, Classes> fc;

  static constexpr auto members() {
    return heddle::members<&maxvit_linear_head::norm, &maxvit_linear_head::fc>("norm", "head.fc");
  }
  static constexpr std::uint64_t multiply_adds() noexcept { return std::uint64_t{Channels} * Classes; }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    const std::size_t norms = heddle::scratch_bytes<layer_norm<Channels, Epsilon>>(backend, x);
    const std::size_t means = heddle::scratch_bytes<float>(x.extent(0) * Channels);
    return norms > means ? norms : means;
  }
  /// What the network calls its features: the last map, here after the norm. In place.
  template <class Backend>
  void finish_features(context<Backend> ctx, map_view<float> x) const {
    heddle::forward(ctx, norm, x, x);
  }
  template <class Backend>
  void classify(context<Backend> ctx, map_view<const float> features, matrix_view<float> y) const {
    const matrix_view<const float> mean = detail::mean_of_images(ctx, features);  // first: it takes scratch
    if constexpr (Classes == 0) {
      map(ctx, mean, y, identity{});
    } else {
      fc.forward_rows(ctx, mean, y);
    }
  }
};

/// Mean, norm, linear layer, hyperbolic tangent, linear layer ("tf").
template <std::size_t Channels, std::size_t Hidden, std::size_t Classes, ratio Epsilon>
struct maxvit_perceptron_head {
  static constexpr std::size_t outputs = Classes == 0 ? Hidden : Classes;

  layer_norm<Channels, Epsilon> norm;
  linear<Channels, Hidden> pre_logits;
  [[no_unique_address]] detail::maxvit_classifier<Hidden, Classes> fc;

  static constexpr auto members() {
    return heddle::members<&maxvit_perceptron_head::norm, &maxvit_perceptron_head::pre_logits, &maxvit_perceptron_head::fc>(
        "head.norm", "head.pre_logits.fc", "head.fc");
  }
  static constexpr std::uint64_t multiply_adds() noexcept { return std::uint64_t{Hidden} * (Channels + Classes); }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend&, const map_extents& x) {
    return heddle::scratch_bytes<float>(x.extent(0) * Channels) + heddle::scratch_bytes<float>(x.extent(0) * Hidden);
  }
  template <class Backend>
  void finish_features(context<Backend>, map_view<float>) const {}
  template <class Backend>
  void classify(context<Backend> ctx, map_view<const float> features, matrix_view<float> y) const {
    const matrix_view<float> mean = detail::mean_of_images(ctx, features);
    norm.forward_rows(ctx, as_const(mean), mean);
    if constexpr (Classes == 0) {
      pre_logits.forward_rows(ctx, as_const(mean), y, tanh_activation{});
    } else {
      const auto hidden = make_matrix(ctx.scratch.template take<float>(y.extent(0) * Hidden), y.extent(0), Hidden);
      pre_logits.forward_rows(ctx, as_const(mean), hidden, tanh_activation{});
      fc.forward_rows(ctx, as_const(hidden), y);
    }
  }
};

}  // namespace heddle::examples
