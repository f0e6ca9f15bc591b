/// @file
/// Long dense problems on Hopper: which calls take the warp-specialised kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <heddle/backend/tags.hpp>
#include <heddle/cuda/attend_hopper_kernel.cuh>
#include <heddle/cuda/attend_short_stage.cuh>
#include <heddle/cuda/launch.cuh>

namespace heddle::inline v0::detail {

/// One group in the order of its tokens, exponentials over one sum, rows as they are, no tables of biases.
template <class Composition>
inline constexpr bool hopper_composition =
    std::is_same_v<typename Composition::partition_type, global> && bias_runs<Composition>::count == 0 &&
    Composition::normalizer_type::kind == normalizer_kind::exponential &&
    normalizer_parts<typename Composition::normalizer_type> == 1 && !copies_rows<Composition>;

/// The way of long problems on sm_90a. `supports`: the composition and the views' types allow it; `ready`: the sizes do.
template <class Arch, class Arguments>
class attend_hopper_way {
  using parameters = attend_parameters<Arguments>;
  using T = typename Arguments::value_type;
  static constexpr std::size_t D = Arguments::head_dim;

 public:
  static constexpr bool supports = std::is_base_of_v<arch::sm_90a, Arch> && sizeof(T) == 2 && (D == 64 || D == 128) &&
                                   hopper_composition<typename Arguments::composition_type> &&
                                   !kernel_observer<Arguments>::weights &&
                                   std::is_same_v<typename Arguments::keys_type, view_rows<T, D>>;

  /// Two warpgroups of queries have work, and the tile engine can read the views.
  static bool ready(const parameters& p) noexcept {
    constexpr std::size_t most = 0x7fffffffU;  // coordinates of tiles
    return p.queries > 64 && p.keys > 0 && !p.local && p.queries <= most && p.keys <= most && readable(p.q) && readable(p.k) &&
           readable(p.v);
  }

  static void run(device::stream s, const parameters& p) {
    using kernel_type = attend_hopper_kernel<parameters>;
    const kernel_type kernel{p, map_of(p.q, p.queries), map_of(p.k, p.keys), map_of(p.v, p.keys),
                             rows_begin_at<2 * sizeof(typename Arguments::output_type)>(p.out)};
    constexpr std::size_t processors = 132;  // of an H100 or H200, one block each, which goes on with the next tile
    const std::size_t items = kernel.items();
    device::launch(s, items < processors ? items : processors, kernel_type::shared_bytes, kernel);
  }

 private:
  template <class View>
  static bool readable(const View& v) noexcept {
    bool ok = rows_begin_at<16>(v);
    for (std::size_t axis = 0; axis < 3; ++axis)
      ok = ok && (v.extent(axis) <= 1 || (v.stride(axis) > 0 && v.stride(axis) * sizeof(T) < std::uint64_t{1} << 40U));
    return ok;
  }

  /// Boxes of 128 rows and 64 elements of one head.
  template <class View>
  static device::tensor_map map_of(const View& v, std::size_t rows) {
    const auto stride = [&](std::size_t axis) {  // that of an axis of one element is not used
      return v.extent(axis) > 1 ? static_cast<std::uint64_t>(v.stride(axis) * sizeof(T)) : std::uint64_t{D * sizeof(T)};
    };
    const std::uint64_t extents[4] = {D, rows, v.extent(1), v.extent(0)};
    const std::uint64_t strides[3] = {stride(2), stride(1), stride(0)};
    const std::uint32_t box[4] = {64, 128, 1, 1};
    return device::make_tensor_map<T, 4>(v.data_handle(), extents, strides, box, device::swizzle::bytes_128);
  }
};

}  // namespace heddle::inline v0::detail
