/// @file
/// `attend` on a device. Policies travel by value in the parameters of a launch and are inlined into the kernels, as on the
/// CPU; index maps are asked in place.
///
/// Which kernel runs is decided by the composition, the types and the sizes: many small problems (`attend_short.cuh`), few
/// queries with many keys (`attend_split.cuh`), warpgroups on sm_90a (`attend_hopper.cuh`), tiles of keys that stream past tiles
/// of queries (`attend_stream.cuh`), and rows one by one (`attend_rows.cuh`) for what no faster one takes. Where observers read the
/// weights one of the fast kernels runs first, and a second pass finds the weights again (`attend_observe.cuh`). None adds floats in
/// an order that depends on timing: results have the same bits every time.
///
/// Tables of policies are read through plain pointers by the device, some by the host too (`check`, `map`): managed memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <heddle/backend/tags.hpp>
#include <heddle/cuda/attend_fill.cuh>
#include <heddle/cuda/attend_hopper.cuh>
#include <heddle/cuda/attend_observe.cuh>
#include <heddle/cuda/attend_parameters.cuh>
#include <heddle/cuda/attend_rows.cuh>
#include <heddle/cuda/attend_short.cuh>
#include <heddle/cuda/attend_split.cuh>
#include <heddle/cuda/attend_stream.cuh>
#include <heddle/cuda/launch.cuh>
#include <heddle/cuda/runtime/runtime.hpp>

namespace heddle::inline v0 {

namespace detail {

/// Whether sizes and policies leave a call, or may leave it, to the row kernel, which needs scratch memory.
constexpr bool needs_rows(const attend_shape& s) noexcept {
  return s.parts != 1 || s.whole_rows || s.weights || s.head_dim > longest_streamed_head(s.element_bytes) ||
         (s.elementwise && s.element_bytes == 2);
}

/// Whether every call whose types a way supports goes that way, so that no other kernel has to be compiled.
template <class Way>
inline constexpr bool takes_all = requires { requires Way::always; };

/// The kernels of tiles, the fastest first.
template <class Arch, class Arguments>
class attend_fast_ways {
  using short_way = attend_short_way<Arch, Arguments>;
  using split_way = attend_split_way<Arguments>;
  using hopper_way = attend_hopper_way<Arch, Arguments>;
  using stream_way = attend_stream_way<Arguments>;

 public:
  /// Some kernel takes every call.
  static constexpr bool always = takes_all<short_way> || takes_all<stream_way>;

  /// Enqueues a call; false if no kernel takes it. `scratch` may be less than the way of few queries wants: then another runs.
  static bool run(device::stream s, const attend_parameters<Arguments>& p, const arena& scratch) {
    if constexpr (takes_all<short_way>) {
      short_way::run(s, p);
      return true;
    } else {
      if constexpr (short_way::supports) {
        if (short_way::ready(p)) return short_way::run(s, p), true;
      }
      if constexpr (split_way::supports) {
        if (split_way::ready(p) && split_way::scratch(p) <= scratch.remaining()) return split_way::run(s, p, scratch), true;
      }
      if constexpr (hopper_way::supports) {
        if (hopper_way::ready(p)) return hopper_way::run(s, p), true;
      }
      if constexpr (stream_way::supports) {
        if (takes_all<stream_way> || stream_way::ready(p)) return stream_way::run(s, p), true;
      }
      return false;
    }
  }
};

/// Launches the kernels of one call.
template <class Arch, class Arguments>
class attend_device {
  using parameters = attend_parameters<Arguments>;
  using composition_type = typename Arguments::composition_type;
  using observer = observed<typename composition_type::observer_type>;

  device::stream stream_;
  arena scratch_;
  const Arguments& a_;

 public:
  attend_device(const context<cuda_backend<Arch>>& ctx, const Arguments& a)
      : stream_(ctx.backend.stream), scratch_(ctx.scratch), a_(a) {}

  void run(parameters p) {
    if (p.problems() == 0 || p.queries == 0) return;
    require_places();
    fill_biases();
    using fast = attend_fast_ways<Arch, Arguments>;
    using smooth_way = attend_smooth_way<Arguments>;
    using observe_way = attend_observe_way<Arguments>;
    if constexpr (observe_way::supports) {
      if (observe_way::ready(p, scratch_)) return by_two_passes(p);
      by_rows(p);
    } else if constexpr (smooth_way::supports) {
      if (!smooth_way::ready(p, scratch_)) return by_rows(p);
      arena memory = scratch_;
      smooth_way::sum_values(stream_, p, memory);
      fast::run(stream_, p, memory);
    } else if constexpr (fast::always) {
      fast::run(stream_, p, scratch_);
    } else {
      if (!fast::run(stream_, p, scratch_)) by_rows(p);
    }
  }

 private:
  void require_places() const {
    device::require_device_pointer("attend", "q", a_.q.data_handle());
    a_.k.each_view([](const auto& x) { device::require_device_pointer("attend", "k", x.data_handle()); });
    a_.v.each_view([](const auto& x) { device::require_device_pointer("attend", "v", x.data_handle()); });
    device::require_device_pointer("attend", "out", a_.out.data_handle());
    if constexpr (observer::logsumexp)
      device::require_device_pointer("attend", "logsumexp", a_.outputs.logsumexp.data_handle());
    if constexpr (observer::importance) {
      device::require_device_pointer("attend", "importance", a_.outputs.importance.data_handle());
      device::require_device_pointer("attend", "row_weights", a_.outputs.row_weights.data_handle());
    }
    if constexpr (observer::class_row)
      device::require_device_pointer("attend", "class_row", a_.outputs.class_row.data_handle());
    if constexpr (observer::probabilities)
      device::require_device_pointer("attend", "probabilities", a_.outputs.probabilities.data_handle());
  }

  void fill_biases() const {
    if constexpr (bias_runs<composition_type>::count > 0) {
      const auto& bias = a_.plan.bias();
      if (bias.filled())
        raise<shape_error>(
            "attend: the plan: its biases lie in memory of the host; expected a plan made in device_workspace::scratch()");
      using kernel_type = attend_fill_biases<composition_type>;
      device::launch(stream_, blocks_for(bias.table_size(), kernel_type::threads), 0, kernel_type{a_.plan.composition(), bias});
    }
  }

  /// Outputs first, then weights for the observers.
  void by_two_passes(parameters p) {
    arena memory = scratch_;
    if constexpr (attend_smooth_way<Arguments>::supports) attend_smooth_way<Arguments>::sum_values(stream_, p, memory);
    using observe_way = attend_observe_way<Arguments>;
    observe_way::take_sums(p, memory);
    attend_fast_ways<Arch, first_pass_of<Arguments>>::run(stream_, first_pass(p), memory);
    observe_way::run(stream_, p);
  }

  void by_rows(const parameters& p) {
    using kernel_type = attend_row_kernel<parameters>;
    const attend_row_sizes sizes(shape_of(a_));
    kernel_type kernel{p, scratch_.template take<float>(sizes.blocks * sizes.floats()), sizes};
    const std::size_t items = kernel.items();
    if constexpr (kernel_type::leaves_sums) {
      for (; kernel.first_item < items; kernel.first_item += sizes.blocks) {
        const std::size_t left = items - kernel.first_item;
        const attend_row_importance<parameters> sums{kernel, left < sizes.blocks ? left : sizes.blocks};
        device::launch(stream_, sums.count, 0, kernel);
        device::launch(stream_, blocks_for(sums.problems() * p.keys, sums.threads), 0, sums);
      }
    } else {
      device::launch(stream_, items < sizes.blocks ? items : sizes.blocks, 0, kernel);
    }
  }
};

}  // namespace detail

template <class Arch>
struct kernel<op::attend, cuda_backend<Arch>> {
  using backend_type = cuda_backend<Arch>;

  static constexpr std::size_t worker_bytes(const attend_shape& s) noexcept {
    const std::size_t rows = detail::needs_rows(s) ? scratch_bytes<std::byte>(detail::attend_row_sizes(s).bytes()) : 0;
    const std::size_t split = detail::split_scratch_bytes(s);
    return rows < split ? split : rows;
  }

  /// Zeros where observers do not write.
  template <class Arguments>
  static void clear(const context<backend_type>& ctx, const Arguments& a) {
    using observer = detail::observed<typename Arguments::composition_type::observer_type>;
    if constexpr (observer::class_row) detail::clear_view(ctx.backend.stream, a.outputs.class_row);
    if constexpr (observer::probabilities) detail::clear_view(ctx.backend.stream, a.outputs.probabilities);
  }

  template <class Arguments>
  static void run(const context<backend_type>& ctx, const Arguments& a) {
    detail::attend_device<Arch, Arguments>(ctx, a).run(detail::parameters_of(a));
  }

  template <class Arguments>
  static void run_group(const context<backend_type>& ctx, const Arguments& a, std::size_t batch, std::size_t group) {
    detail::attend_device<Arch, Arguments>(ctx, a).run(detail::parameters_of_group(a, batch, group));
  }
};

}  // namespace heddle::inline v0
