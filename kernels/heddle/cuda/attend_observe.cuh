/// @file
/// Two passes where observers read the weights: any fast kernel computes the outputs, a second one finds the weights again.
#pragma once

#include <cstddef>
#include <cstdint>

#include <heddle/core/workspace.hpp>
#include <heddle/cuda/attend_fill.cuh>
#include <heddle/cuda/attend_observe_kernel.cuh>
#include <heddle/cuda/attend_stream.cuh>
#include <heddle/primitive/overlap.hpp>

namespace heddle::inline v0::detail {

/// What smoothed exponentials need before their kernels run.
template <class Arguments>
class attend_smooth_way {
  using parameters = attend_parameters<Arguments>;

 public:
  static constexpr bool supports =
      smooths<typename Arguments::composition_type> && attend_stream_way<first_pass_of<Arguments>>::supports;

  static std::size_t floats(const parameters& p) noexcept { return p.batch * p.heads * (p.dim() + 1); }
  static bool ready(const parameters& p, const arena& scratch) noexcept {
    return attend_stream_way<first_pass_of<Arguments>>::ready(first_pass(p)) &&
           scratch_bytes<float>(floats(p)) <= scratch.remaining();
  }
  /// Enqueues the sums of values, in the scratch, and puts them into `p`.
  static void sum_values(device::stream s, parameters& p, arena& scratch) {
    using kernel_type = attend_value_sums<parameters>;
    float* const sums = scratch.take<float>(floats(p));
    device::launch(s, blocks_for(p.batch * p.heads, 1), kernel_type::shared_bytes, kernel_type{p, sums});
    p.value_sums = sums;
  }
};

/// The second pass. `supports`: the composition and the views' types allow it; `ready`: the sizes and views do.
template <class Arguments>
class attend_observe_way {
  using parameters = attend_parameters<Arguments>;
  using composition_type = typename Arguments::composition_type;
  using observer = kernel_observer<Arguments>;
  using T = typename Arguments::value_type;
  static constexpr std::size_t D = Arguments::head_dim;
  static constexpr bool elementwise = composition_type::normalizer_type::kind == normalizer_kind::elementwise;

 public:
  /// Groups that share keys add to one importance: row by row they do it in their order.
  static constexpr bool supports = observer::weights && attend_stream_way<first_pass_of<Arguments>>::supports &&
                                   !(observer::importance && parameters::keyed);

  /// Queries are read again behind the outputs.
  static bool ready(const parameters& p, const arena& scratch) noexcept {
    return attend_stream_way<first_pass_of<Arguments>>::ready(first_pass(p)) && !p.local && !same_elements(p.out, p.q) &&
           bytes(p) <= scratch.remaining();
  }
  static std::size_t bytes(const parameters& p) noexcept {
    constexpr bool smoothed = smooths<composition_type>;
    const std::size_t own = needs_sums() ? scratch_bytes<float>((smoothed ? 2 : 1) * rows(p)) : 0;
    return own + (smoothed ? scratch_bytes<float>(attend_smooth_way<Arguments>::floats(p)) : 0);
  }

  /// Gives the first pass a place for the logarithms of sums, where the caller gave none.
  static void take_sums(parameters& p, arena& scratch) {
    if constexpr (needs_sums()) {
      const std::size_t tokens = p.q.extent(2);
      float* const sums = scratch.take<float>((smooths<composition_type> ? 2 : 1) * rows(p));
      p.outputs.logsumexp =
          head_rows<float>(sums, extents<dyn, dyn, dyn>(p.batch, p.heads, tokens), {p.heads * tokens, tokens, std::size_t{1}});
      if constexpr (smooths<composition_type>) p.rests = rows(p);
    }
  }

  static void run(device::stream s, const parameters& p) {
    if constexpr (D != dyn) {
      launch<(D + 15) / 16 * 16>(s, p);
    } else {
      constexpr std::size_t longest = longest_streamed_head(sizeof(T));
      if (p.dim() <= 64) return launch<64>(s, p);
      if (longest == 128 || p.dim() <= 128) return launch<128>(s, p);
      if constexpr (longest > 128) launch<256>(s, p);
    }
  }

 private:
  static constexpr bool needs_sums() noexcept { return !elementwise && !observer::logsumexp; }
  static std::size_t rows(const parameters& p) noexcept { return p.batch * p.heads * p.q.extent(2); }

  template <std::size_t Dim>
  static void launch(device::stream s, const parameters& p) {
    using kernel_type = attend_observe_kernel<parameters, static_cast<unsigned>(Dim)>;
    bool whole = whole_rows_of<16>(p.q);
    p.k.each_view([&](const auto& x) { whole = whole && whole_rows_of<16>(x); });
    const kernel_type kernel{p, whole, p.outputs.logsumexp};
    constexpr std::size_t most = 0x7fffffffU;  // beyond, blocks go on with the next tile
    const std::size_t items = kernel.items();
    device::launch(s, items < most ? items : most, kernel_type::shared_bytes, kernel);
  }
};

}  // namespace heddle::inline v0::detail
