/// @file
/// Squeeze-and-excitation: a gate for every channel, computed from the mean of the map.
#pragma once

#include "../primitive/map.hpp"
#include "convolution.hpp"
#include "linear.hpp"

namespace heddle::inline v0 {

/// Options of `squeeze_excite`.
struct squeeze_excite_options {
  bool bias = false;            ///< whether the two products have a bias
  bool as_convolution = false;  ///< whether files store the weights as convolutions of size 1, `[out, in, 1, 1]`
};

/// The gate `sigmoid(W2 Activation(W1 mean))` of squeeze-and-excitation (Hu et al., arXiv 1709.01507, equation 3). It only
/// computes the gate `[C]` from the means `[C]`; the layer that owns it folds the gate into its next product. Children:
/// `fc1` (`[Reduced, C]`), `fc2` (`[C, Reduced]`).
template <std::size_t C, std::size_t Reduced, squeeze_excite_options Options = squeeze_excite_options{},
          class Activation = silu>
struct squeeze_excite {
  template <std::size_t In, std::size_t Out>
  using product = std::conditional_t<Options.as_convolution, pointwise_convolution<In, Out, Options.bias>,
                                     linear<In, Out, linear_options{.bias = Options.bias}>>;

  product<C, Reduced> fc1;
  product<Reduced, C> fc2;

  static constexpr auto members() { return heddle::members<&squeeze_excite::fc1, &squeeze_excite::fc2>("fc1", "fc2"); }
  static constexpr std::uint64_t multiply_adds() noexcept { return 2 * std::uint64_t{C} * Reduced; }
  static constexpr std::size_t scratch_bytes(std::size_t images = 1) noexcept {
    return heddle::scratch_bytes<float>(images * Reduced);
  }

  /// `gate = sigmoid(W2 Activation(W1 mean))`; `mean`, `gate` are `[C]` and may be the same memory.
  template <class Backend>
  void gate(context<Backend> ctx, std::span<const float> mean, std::span<float> gate) const {
    gates(ctx, make_matrix(mean.data(), 1, C), make_matrix(gate.data(), 1, C));
  }
  /// The same for several images, `[images, C]`; takes `scratch_bytes(images)`.
  template <class Backend>
  void gates(context<Backend> ctx, matrix_view<const float> means, matrix_view<float> gates) const {
    const auto reduced = make_matrix(ctx.scratch.template take<float>(means.extent(0) * Reduced), means.extent(0), Reduced);
    gemm(ctx, means, fc1.prepared, reduced, Activation{});
    gemm(ctx, as_const(reduced), fc2.prepared, gates, sigmoid{});
  }
};

}  // namespace heddle::inline v0
