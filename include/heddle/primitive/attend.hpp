/// @file
/// `attend`: a composition applied to queries, keys and values.
#pragma once

#include <cstddef>
#include <string>
#include <type_traits>

#include "attend_arguments.hpp"
#include "attend_checks.hpp"

namespace heddle::inline v0 {

namespace detail {

/// `kernel::supports<arguments>` says whether a backend has a kernel for them; one that does not say has.
template <class Kernel, class Arguments>
inline constexpr bool kernel_supports = [] {
  if constexpr (requires { Kernel::template supports<Arguments>; }) {
    return Kernel::template supports<Arguments>;
  } else {
    return true;
  }
}();

template <class Composition, class Arguments>
attend_call call_of(const attention_plan<Composition>& plan, const Arguments& a) {
  return {a.q.extent(0), plan.heads(),       plan.map().groups(),    plan.queries(),
          plan.keys(),   plan.grid().size(), plan.key_grid().size(), a.q.extent(3)};
}

/// What kernels find zero, written by the host. A backend that the host may not write for has a function `clear`.
template <class Arguments>
void clear_outputs(const Arguments& a) {
  using observer = observed<typename Arguments::composition_type::observer_type>;
  if constexpr (observer::class_row) {
    const head_rows<float>& x = a.outputs.class_row;
    for (std::size_t b = 0; b < x.extent(0); ++b)
      for (std::size_t h = 0; h < x.extent(1); ++h)
        for (std::size_t k = 0; k < x.extent(2); ++k) x(b, h, k) = 0.0F;
  }
  if constexpr (observer::probabilities) {
    const head_view<float>& x = a.outputs.probabilities;
    for (std::size_t b = 0; b < x.extent(0); ++b)
      for (std::size_t h = 0; h < x.extent(1); ++h)
        for (std::size_t q = 0; q < x.extent(2); ++q)
          for (std::size_t k = 0; k < x.extent(3); ++k) x(b, h, q, k) = 0.0F;
  }
}

inline void require_scratch(std::size_t needed, const arena& scratch) {
  if (needed > scratch.remaining()) arena::too_small(needed, scratch.remaining());
}

}  // namespace detail

/// Scratch of `attend` with a plan, for elements of `T`. `constexpr` where the composition and the backend are.
/// @throws shape_error for a grid that the partition refuses
template <class T = float, class Backend, attention_composition Composition>
constexpr std::size_t attend_bytes(const Backend& backend, const Composition& c, const token_grid& grid,
                                   const token_grid& key_grid, std::size_t head_dim) {
  return for_each_bytes(backend, kernel<op::attend, Backend>::worker_bytes(detail::shape_of<T>(c, grid, key_grid, head_dim)));
}
template <class T = float, class Backend, attention_composition Composition>
constexpr std::size_t attend_bytes(const Backend& backend, const Composition& c, const token_grid& grid, std::size_t head_dim) {
  return attend_bytes<T>(backend, c, grid, grid, head_dim);
}

/// Scratch of `attend_group`.
template <class T = float, class Backend, attention_composition Composition>
constexpr std::size_t attend_group_bytes(const Backend&, const Composition& c, const token_grid& grid, std::size_t head_dim) {
  return scratch_bytes<std::byte>(kernel<op::attend, Backend>::worker_bytes(detail::shape_of<T>(c, grid, grid, head_dim)));
}

namespace detail {

/// `attend` for the composition of a kernel.
template <class Backend, class Composition, class Q, class K, class V, class O>
void attend_planned(context<Backend> ctx, const attention_plan<Composition>& plan, const Q& q, const K& k, const V& v,
                    const O& out, const attend_outputs& outputs) {
  using kernel_type = kernel<op::attend, Backend>;
  const auto arguments = make_arguments(plan, q, k, v, out, outputs);
  constexpr bool supported = kernel_supports<kernel_type, std::remove_const_t<decltype(arguments)>>;
  static_assert(supported, "heddle::attend: this backend has no kernel for this composition with these views");
  if constexpr (supported) {
    const attend_call call = call_of(plan, arguments);
    require_arguments(arguments, call);
    require_policies(plan.composition(), call);
    require_scratch(for_each_bytes(ctx.backend, kernel_type::worker_bytes(shape_of(arguments))), ctx.scratch);
    if constexpr (requires { kernel_type::clear(ctx, arguments); }) {
      kernel_type::clear(ctx, arguments);
    } else {
      clear_outputs(arguments);
    }
    kernel_type::run(ctx, arguments);
  }
}

/// `attend_group` for the composition of a kernel.
template <class Backend, class Composition, class Q, class K, class V, class O>
void attend_group_planned(context<Backend> ctx, const attention_plan<Composition>& plan, std::size_t batch, std::size_t group,
                          const Q& q, const K& k, const V& v, const O& out, const attend_outputs& outputs) {
  using kernel_type = kernel<op::attend, Backend>;
  const auto arguments = make_arguments(plan, q, k, v, out, outputs);
  constexpr bool supported = kernel_supports<kernel_type, std::remove_const_t<decltype(arguments)>>;
  static_assert(supported, "heddle::attend_group: this backend has no kernel for this composition with these views");
  if constexpr (supported) {
    attend_call call = call_of(plan, arguments);
    call.batch = 1;
    call.tokens = plan.queries();
    call.key_tokens = plan.keys();
    require_arguments(arguments, call);
    if (group >= plan.map().groups())
      raise<shape_error>("attend_group: expected a group below " + std::to_string(plan.map().groups()) + ", got " +
                         std::to_string(group));
    call = call_of(plan, arguments);
    call.batch = batch + 1;
    require_policies(plan.composition(), call);
    require_scratch(kernel_type::worker_bytes(shape_of(arguments)), ctx.scratch);
    kernel_type::run_group(ctx, arguments, batch, group);
  }
}

}  // namespace detail

/// `out_g = normalise(mask(modifiers(scale * Q_g K_g^T))) V_g` for every group g of the plan's partition, every head and
/// batch item. Groups are read and written through the index map.
///
/// @param q    `[batch, heads, tokens, head_dim]` of float, bfloat16 or half, tokens of the plan's grid; a static head_dim
///             makes a faster kernel
/// @param k,v  the same type: `[batch, heads or fewer (grouped), tokens of the key grid, head_dim]`, a `head_view`,
///             `joined_heads` or `ring_heads`, both of one kind
/// @param out  like `q`, of its element type or float; may be exactly `q`, else it overlaps none of the others
/// @param outputs what observers write; a logsumexp alone converts to it
/// Scores, statistics and sums are float whatever the elements are; a kernel may round the weights of bfloat16 values to
/// bfloat16 (not those that an observer returns). Rows of queries that see no key become zeros, their logsumexp -inf.
/// @throws shape_error, workspace_error before any work, naming the argument
template <class Backend, class Composition, detail::heads_view Q, detail::keys_argument K, detail::keys_argument V,
          detail::heads_view O>
void attend(context<Backend> ctx, const attention_plan<Composition>& plan, const Q& q, const K& k, const V& v, const O& out,
            const attend_outputs& outputs = {}) {
  detail::attend_planned(ctx, detail::plan_of_kernel(plan), q, k, v, out, outputs);
}

/// The same without a plan: it is made in the scratch of `ctx`, which needs `plan_bytes` more.
template <class Backend, attention_composition Composition, detail::heads_view Q, detail::keys_argument K,
          detail::keys_argument V, detail::heads_view O>
void attend(context<Backend> ctx, const Composition& c, const Q& q, const K& k, const V& v, const O& out,
            const token_grid& grid, const attend_outputs& outputs = {}) {
  if constexpr (Composition::source_type::same_tokens) {
    const auto plan = plan_attention(c, grid, q.extent(1), ctx.scratch);  // takes from ctx.scratch before ctx is passed on
    attend(ctx, plan, q, k, v, out, outputs);
  } else {
    const auto plan = plan_attention(c, grid, sequence_grid(k.extent(2)), q.extent(1), ctx.scratch);
    attend(ctx, plan, q, k, v, out, outputs);
  }
}

/// The same in a workspace: `attend<simd>(window_attention, q, k, v, out, grid, scratch)`.
template <class Backend, attention_composition Composition, detail::heads_view Q, detail::keys_argument K,
          detail::keys_argument V, detail::heads_view O>
void attend(const Composition& c, const Q& q, const K& k, const V& v, const O& out, const token_grid& grid,
            const workspace& scratch, const attend_outputs& outputs = {}) {
  attend(context<Backend>{Backend{}, scratch.scratch()}, c, q, k, v, out, grid, outputs);
}

/// One group, all heads, on rows of its own: position i of `group` is row i of the views `[1, heads, group_size,
/// head_dim]`. Masks, biases and score functions see the group as in `attend` (`batch` is the batch item they are told).
/// Padded positions are not read and not written. For blocks that gather a window, project it and attend while it is in
/// the cache; the caller runs groups in parallel. Observers of weights need the whole: only `logsumexp` is known here.
/// @throws shape_error, workspace_error before any work
template <class Backend, class Composition, detail::heads_view Q, detail::heads_view K, detail::heads_view V,
          detail::heads_view O>
void attend_group(context<Backend> ctx, const attention_plan<Composition>& plan, std::size_t batch, std::size_t group,
                  const Q& q, const K& k, const V& v, const O& out, const attend_outputs& outputs = {}) {
  static_assert(Composition::source_type::same_tokens && !keyed_index_map<typename Composition::map_type>,
                "heddle::attend_group: keys come from the same tokens (source self_source)");
  static_assert(!detail::observed<typename Composition::observer_type>::weights,
                "heddle::attend_group: observers of weights belong to attend, which knows all groups");
  static_assert(std::is_same_v<Backend, typename Backend::serial_type>,
                "heddle::attend_group: runs on one thread; pass the serial context that for_each gives");
  detail::attend_group_planned(ctx, detail::plan_of_kernel(plan), batch, group, q, k, v, out, outputs);
}

}  // namespace heddle::inline v0
