/// @file
/// Many small problems: windows times heads of up to 256 tokens, several to a block, read and written through the index map.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <heddle/cuda/attend_short_kernel.cuh>
#include <heddle/cuda/launch.cuh>

namespace heddle::inline v0::detail {

/// What a block may use: 99 KiB on every device of compute capability 8, 227 KiB on Hopper.
template <class Arch>
inline constexpr unsigned short_shared_bytes = std::is_base_of_v<arch::sm_90a, Arch> ? 227 * 1024 : 99 * 1024;

/// The way of small problems. `supports`: the composition and the views' types allow it; `ready`: the sizes do.
template <class Arch, class Arguments>
class attend_short_way {
  using composition_type = typename Arguments::composition_type;
  using value_type = typename Arguments::value_type;
  using output_type = typename Arguments::output_type;
  static constexpr std::size_t D = Arguments::head_dim;

 public:
  static constexpr bool supports =
      D != dyn && D <= 128 && short_composition<composition_type> &&
      std::is_same_v<typename Arguments::keys_type, view_rows<value_type, D>>;

  static bool ready(const attend_parameters<Arguments>& a) {
    if (a.queries == 0 || a.queries > short_problem || a.problems() == 0 || a.problems() > 0x7fffffffU) return false;
    return blocks_of(a).bytes > 0;
  }

  /// Enqueues the kernel. Tables of biases are filled.
  static void run(device::stream s, const attend_parameters<Arguments>& a) {
    const short_blocks blocks = blocks_of(a);
    const auto problems = static_cast<unsigned>(a.problems());
    const attend_short_kernel<Arguments> kernel{
        a,
        blocks,
        problems,
        static_cast<unsigned>(a.groups),
        static_cast<unsigned>(a.heads),
        static_cast<unsigned>(a.heads_per_key_head),
        rows_begin_at<layout::copy_bytes>(a.q) && rows_begin_at<layout::copy_bytes>(a.k) && rows_begin_at<layout::copy_bytes>(a.v),
        rows_begin_at<layout::out_copy_bytes>(a.out)};
    device::launch(s, (problems + blocks.slots - 1) / blocks.slots, blocks.bytes, kernel);
  }

 private:
  using layout = short_layout<value_type, output_type, supports ? D : 16>;
  using runs = bias_runs<composition_type>;

  static short_blocks blocks_of(const attend_parameters<Arguments>& a) {
    const unsigned entries = runs::count > 0 ? static_cast<unsigned>(a.bias.table_size()) : 0;
    return choose_blocks<layout>(static_cast<unsigned>(a.queries), static_cast<unsigned>(a.heads), runs::count, entries,
                                 attend_short_kernel<Arguments>::checks, short_shared_bytes<Arch>);
  }
};

}  // namespace heddle::inline v0::detail
