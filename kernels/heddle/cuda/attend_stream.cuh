/// @file
/// When keys stream past queries, and how the kernel is chosen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <heddle/cuda/attend_stream_kernel.cuh>
#include <heddle/cuda/launch.cuh>

namespace heddle::inline v0::detail {

/// The longest heads whose outputs fit the registers of four warps.
constexpr std::size_t longest_streamed_head(std::size_t element_bytes) noexcept { return element_bytes == 4 ? 128 : 256; }

/// Whether every row of a view of heads is a multiple of `Bytes` and begins at one.
template <std::size_t Bytes, class View>
bool whole_rows_of(const View& v) noexcept {
  constexpr std::size_t size = sizeof(typename View::value_type);
  bool ok = reinterpret_cast<std::uintptr_t>(v.data_handle()) % Bytes == 0 && v.extent(3) * size % Bytes == 0;
  for (std::size_t axis = 0; axis < 3; ++axis) ok = ok && (v.extent(axis) <= 1 || v.stride(axis) * size % Bytes == 0);
  return ok;
}

/// The way of tiles that stream. `supports`: the composition and the views' types allow it; `ready`: the sizes do.
template <class Arguments>
class attend_stream_way {
  using parameters = attend_parameters<Arguments>;
  using composition_type = typename Arguments::composition_type;
  using normalizer_type = typename composition_type::normalizer_type;
  using T = typename Arguments::value_type;
  static constexpr std::size_t D = Arguments::head_dim;
  static constexpr std::size_t longest = longest_streamed_head(sizeof(T));
  static constexpr bool elementwise = normalizer_type::kind == normalizer_kind::elementwise;

 public:
  /// Weights of single scores may be larger than a half can be.
  static constexpr bool supports = (D == dyn || D <= longest) && (elementwise || takes_exponentials<composition_type>) &&
                                   normalizer_parts<normalizer_type> == 1 && !kernel_observer<Arguments>::weights &&
                                   !(elementwise && std::is_same_v<T, half>);

  /// No size sends a call elsewhere.
  static constexpr bool always = supports && D != dyn;

  static bool ready(const parameters& p) noexcept { return p.dim() <= longest; }

  static void run(device::stream s, const parameters& p) {
    if constexpr (D != dyn) {
      launch<(D + 15) / 16 * 16>(s, p);
    } else {
      if (p.dim() <= 64) return launch<64>(s, p);
      if (longest == 128 || p.dim() <= 128) return launch<128>(s, p);
      if constexpr (longest > 128) launch<256>(s, p);
    }
  }

 private:
  template <std::size_t Dim>
  static void launch(device::stream s, const parameters& p) {
    using kernel_type = attend_stream_kernel<parameters, static_cast<unsigned>(Dim)>;
    bool whole = whole_rows_of<16>(p.q);
    p.k.each_view([&](const auto& x) { whole = whole && whole_rows_of<16>(x); });
    p.v.each_view([&](const auto& x) { whole = whole && whole_rows_of<16>(x); });
    const kernel_type kernel{p, whole, whole_rows_of<2 * sizeof(typename parameters::output_type)>(p.out)};
    constexpr std::size_t most = 0x7fffffffU;  // beyond, blocks go on with the next tile
    const std::size_t items = kernel.items();
    device::launch(s, items < most ? items : most, kernel_type::shared_bytes, kernel);
  }
};

}  // namespace heddle::inline v0::detail
