/// @file
/// Few queries and many keys, as when a sequence grows token by token: the keys are cut into parts that blocks take, and the
/// parts are merged exactly, in order. Heads that share keys are rows of one problem, so that keys and values are read once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <heddle/cuda/attend_split_kernel.cuh>
#include <heddle/cuda/launch.cuh>

namespace heddle::inline v0::detail {

/// Compositions whose keys may be cut: one group, exponentials over one sum, rows as they are.
template <class Composition>
inline constexpr bool split_composition =
    std::is_same_v<typename Composition::partition_type, global> && bias_runs<Composition>::count == 0 &&
    Composition::normalizer_type::kind == normalizer_kind::exponential &&
    normalizer_parts<typename Composition::normalizer_type> == 1 && !copies_rows<Composition>;

/// The way of few queries. `supports`: the composition and the views' types allow it; `ready`: the sizes do.
template <class Arguments>
class attend_split_way {
  using composition_type = typename Arguments::composition_type;
  using value_type = typename Arguments::value_type;
  static constexpr std::size_t D = Arguments::head_dim;

 public:
  static constexpr bool supports =
      D != dyn && D <= 128 && split_composition<composition_type> && !kernel_observer<Arguments>::weights;

  static bool ready(const attend_parameters<Arguments>& a) {
    const std::size_t rows = a.queries * a.heads_per_key_head;
    return rows > 0 && rows <= split_cut::most_rows && a.keys >= split_cut::least_keys && a.keys < 0x7fffffffU && !a.local &&
           cut_of(a).problems * cut_of(a).parts <= 0x7fffffffU;
  }
  /// Bytes of scratch that a call takes; `split_scratch_bytes` covers any.
  static std::size_t scratch(const attend_parameters<Arguments>& a) {
    const split_cut cut = cut_of(a);
    return cut.parts == 1 ? 0 : scratch_bytes<float>(cut.problems * cut.parts * 16 * split_call<Arguments>::row_floats);
  }

  /// Enqueues one kernel, or two where parts have to be merged.
  static void run(device::stream s, const attend_parameters<Arguments>& a, arena memory) {
    const split_cut cut = cut_of(a);
    split_call<Arguments> call{a, cut, nullptr};
    if (cut.parts > 1)
      call.sums = memory.template take<float>(cut.problems * cut.parts * 16 * split_call<Arguments>::row_floats);
    bool whole = aligned(a.q);
    a.k.each_view([&](const auto& x) { whole = whole && aligned(x); });
    a.v.each_view([&](const auto& x) { whole = whole && aligned(x); });
    device::launch(s, cut.problems * cut.parts, layout::bytes, attend_split_kernel<Arguments>{call, whole});
    if (cut.parts == 1) return;
    constexpr std::size_t rows_of_block = attend_split_merge<Arguments>::threads / 32;
    device::launch(s, (cut.problems * 16 + rows_of_block - 1) / rows_of_block, 0, attend_split_merge<Arguments>{call});
  }

 private:
  using layout = split_layout<value_type, typename Arguments::output_type, supports ? D : 16>;

  static split_cut cut_of(const attend_parameters<Arguments>& a) {
    return split_cut::of(a.batch, a.heads / a.heads_per_key_head, a.queries * a.heads_per_key_head, a.keys,
                         layout::warps * layout::chunk_keys);
  }
  /// Every row begins at a multiple of the largest copy.
  template <class View>
  static bool aligned(const View& v) {
    return rows_begin_at<layout::copy_bytes>(v);
  }
};

}  // namespace heddle::inline v0::detail
