/// @file
/// Many small problems: windows times heads of up to 256 tokens, several to a block, read and written through the index map.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
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
  using map_type = typename composition_type::map_type;
  using value_type = typename Arguments::value_type;
  using output_type = typename Arguments::output_type;
  static constexpr std::size_t D = Arguments::head_dim;
  using layout = short_layout<value_type, output_type, (D == dyn || D > 128) ? 16 : D>;
  using runs = bias_runs<composition_type>;
  static constexpr std::size_t most_problems = 0x7fffffffU;
  /// Entries of a table of biases, where the type of the index map knows its window.
  static constexpr unsigned static_entries = [] {
    if constexpr (runs::count > 0 && fixed_map<map_type>) {
      constexpr window_extents w = map_type{}.window();
      return static_cast<unsigned>((2 * w.depth - 1) * (2 * w.height - 1) * (2 * w.width - 1));
    } else {
      return 0U;
    }
  }();

 public:
  /// Weights of single scores may be larger than a half can be. Groups that are known to be long are no small problems.
  static constexpr bool supports =
      D != dyn && D <= 128 && short_composition<composition_type> && !kernel_observer<Arguments>::weights &&
      std::is_same_v<typename Arguments::keys_type, view_rows<value_type, D>> &&
      !(composition_type::normalizer_type::kind == normalizer_kind::elementwise && std::is_same_v<value_type, half>) &&
      (static_length<map_type> == dyn || static_length<map_type> <= short_problem);

  /// The type of the index map says that every call is ready: no other kernel has to be compiled.
  static constexpr bool always = [] {
    if constexpr (supports && static_length<map_type> != dyn && (runs::count == 0 || fixed_map<map_type>)) {
      return place_blocks<layout>(static_cast<unsigned>(static_length<map_type>), 1, runs::count, static_entries,
                                  attend_short_kernel<Arguments>::checks)
                 .bytes <= short_shared_bytes<Arch>;
    } else {
      return false;
    }
  }();

  static bool ready(const attend_parameters<Arguments>& a) {
    if (a.queries == 0 || a.queries > short_problem || a.problems() == 0 || a.problems() > most_problems) return false;
    return blocks_of(a).bytes > 0;
  }

  /// Enqueues the kernel. Tables of biases are filled.
  static void run(device::stream s, const attend_parameters<Arguments>& a) {
    if (a.problems() > most_problems)
      raise<shape_error>("attend: expected at most 2147483647 groups, heads and batch items together, got " +
                         std::to_string(a.problems()));
    const short_blocks blocks = blocks_of(a);
    const auto problems = static_cast<unsigned>(a.problems());
    const attend_short_kernel<Arguments> kernel{a,
                                                blocks,
                                                problems,
                                                static_cast<unsigned>(a.groups),
                                                static_cast<unsigned>(a.heads),
                                                static_cast<unsigned>(a.heads_per_key_head),
                                                rows_begin_at<layout::copy_bytes>(a.q) &&
                                                    rows_begin_at<layout::copy_bytes>(a.k) &&
                                                    rows_begin_at<layout::copy_bytes>(a.v),
                                                rows_begin_at<layout::out_copy_bytes>(a.out)};
    device::launch(s, std::uint64_t{(problems + blocks.slots - 1) / blocks.slots} * blocks.parts, blocks.bytes, kernel);
  }

 private:
  static short_blocks blocks_of(const attend_parameters<Arguments>& a) {
    const unsigned entries = runs::count > 0 ? static_cast<unsigned>(a.bias.table_size()) : 0;
    return choose_blocks<layout>(static_cast<unsigned>(a.queries), static_cast<unsigned>(a.heads),
                                 static_cast<unsigned>(a.problems()), runs::count, entries,
                                 attend_short_kernel<Arguments>::checks, short_shared_bytes<Arch>);
  }
};

}  // namespace heddle::inline v0::detail
