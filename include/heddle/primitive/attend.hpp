/// @file
/// `attend`: a composition applied to queries, keys and values.
#pragma once

#include <cstddef>
#include <type_traits>

#include "../attention/head_view.hpp"
#include "../attention/plan.hpp"
#include "../core/context.hpp"

namespace heddle::inline v0 {

namespace op {
/// Tag of `heddle::attend`.
struct attend {};
}  // namespace op

/// Sizes of one problem: what the scratch of a kernel depends on.
struct attend_shape {
  std::size_t queries = 0;
  std::size_t keys = 0;
  std::size_t head_dim = 0;
  std::size_t bias_runs = 0;   ///< runs of biases whose rows may have to be made
};

/// Everything a kernel is given. Views are checked; `logsumexp` is empty unless the composition returns it.
template <class Composition, std::size_t HeadDim>
struct attend_arguments {
  const attention_plan<Composition>& plan;
  head_view<const float, HeadDim> q;
  head_view<const float, HeadDim> k;
  head_view<const float, HeadDim> v;
  head_view<float, HeadDim> out;
  head_rows<float> logsumexp;
};

namespace detail {

template <class V>
concept heads_view = requires {
  { V::rank() } -> std::convertible_to<std::size_t>;
} && V::rank() == 4 && std::is_same_v<typename V::value_type, float>;

/// The head_dim that the types of the views know, or `dyn`.
template <class... Vs>
inline constexpr std::size_t static_head_dim = [] {
  std::size_t d = dyn;
  ((d = Vs::static_extent(3) != dyn ? Vs::static_extent(3) : d), ...);
  return d;
}();

template <class V>
void require_heads(const char* name, const V& x, std::size_t batch, std::size_t heads, std::size_t tokens, std::size_t head_dim) {
  require_extent(name, "batch items", batch, x.extent(0));
  require_extent(name, "heads", heads, x.extent(1));
  require_extent(name, "tokens", tokens, x.extent(2));
  require_extent(name, "elements of a head", head_dim, x.extent(3));
  if (head_dim > 1) require_extent(name, "as the stride of the elements of a head", 1, x.stride(3));
}

template <class Composition, std::size_t D>
void require_arguments(const attend_arguments<Composition, D>& a, std::size_t batch, std::size_t queries, std::size_t keys) {
  const std::size_t heads = a.plan.heads();
  const std::size_t dim = a.q.extent(3);
  if (dim == 0) raise<shape_error>("attend: q: a head has no elements");
  require_heads("attend: q", a.q, batch, heads, queries, dim);
  require_heads("attend: k", a.k, batch, heads, keys, dim);
  require_heads("attend: v", a.v, batch, heads, keys, dim);
  require_heads("attend: out", a.out, batch, heads, queries, dim);
  if constexpr (Composition::observer_type::returns_logsumexp) {
    require_extent("attend: logsumexp", "batch items", batch, a.logsumexp.extent(0));
    require_extent("attend: logsumexp", "heads", heads, a.logsumexp.extent(1));
    require_extent("attend: logsumexp", "tokens", queries, a.logsumexp.extent(2));
  }
}

template <class Composition>
constexpr void check_composition() {
  static_assert(std::is_same_v<typename Composition::normalizer_type, softmax>,
                "heddle::attend: the kernels know the normalizer softmax");
}

template <class Composition>
constexpr attend_shape shape_of(const Composition& c, const token_grid& grid, const token_grid& key_grid, std::size_t head_dim) {
  const std::size_t queries = c.partition().map(grid).group_size();
  const std::size_t keys = Composition::source_type::same_tokens ? queries : key_grid.size();
  return {queries, keys, head_dim, bias_runs<Composition>::count};
}

template <class Composition, class Q, class K, class V, class O>
auto make_arguments(const attention_plan<Composition>& plan, const Q& q, const K& k, const V& v, const O& out, head_rows<float> lse) {
  constexpr std::size_t d = static_head_dim<Q, K, V, O>;
  using in = head_view<const float, d>;
  return attend_arguments<Composition, d>{plan, in(q), in(k), in(v), head_view<float, d>(out), lse};
}

}  // namespace detail

/// Scratch of `attend` with a plan. `constexpr` where the composition and the backend are.
/// @throws shape_error for a grid that the partition refuses
template <class Backend, attention_composition Composition>
constexpr std::size_t attend_bytes(const Backend& backend, const Composition& c, const token_grid& grid, const token_grid& key_grid,
                                   std::size_t head_dim) {
  return for_each_bytes(backend, kernel<op::attend, Backend>::worker_bytes(detail::shape_of(c, grid, key_grid, head_dim)));
}
template <class Backend, attention_composition Composition>
constexpr std::size_t attend_bytes(const Backend& backend, const Composition& c, const token_grid& grid, std::size_t head_dim) {
  return attend_bytes(backend, c, grid, grid, head_dim);
}

/// Scratch of `attend_group`.
template <class Backend, attention_composition Composition>
constexpr std::size_t attend_group_bytes(const Backend&, const Composition& c, const token_grid& grid, std::size_t head_dim) {
  return scratch_bytes<std::byte>(kernel<op::attend, Backend>::worker_bytes(detail::shape_of(c, grid, grid, head_dim)));
}

/// `out_g = softmax(mask(modifiers(scale * Q_g K_g^T))) V_g` for every group g of the plan's partition, every head and
/// batch item. Groups are read and written through the index map.
///
/// @param q    `[batch, heads, tokens, head_dim]`, tokens of the plan's grid; a static head_dim makes a faster kernel
/// @param k,v  the same; tokens of the key grid where the source is `cross_source`
/// @param out  like `q`; may be `q` itself if the partition's groups do not share tokens and k, v are elsewhere
/// @param logsumexp `[batch, heads, tokens]`, for compositions with the observer `logsumexp`
/// Rows of queries that see no key become zeros, their logsumexp -inf.
/// @throws shape_error, workspace_error before any work
template <class Backend, class Composition, detail::heads_view Q, detail::heads_view K, detail::heads_view V, detail::heads_view O>
void attend(context<Backend> ctx, const attention_plan<Composition>& plan, const Q& q, const K& k, const V& v, const O& out,
            head_rows<float> logsumexp = {}) {
  detail::check_composition<Composition>();
  const auto arguments = detail::make_arguments(plan, q, k, v, out, logsumexp);
  detail::require_arguments(arguments, q.extent(0), plan.grid().size(), plan.key_grid().size());
  detail::check_mask(plan.composition().mask(), q.extent(0));
  const attend_shape shape{plan.queries(), plan.keys(), q.extent(3), detail::bias_runs<Composition>::count};
  const std::size_t bytes = for_each_bytes(ctx.backend, kernel<op::attend, Backend>::worker_bytes(shape));
  if (bytes > ctx.scratch.remaining()) arena::too_small(bytes, ctx.scratch.remaining());
  kernel<op::attend, Backend>::run(ctx, arguments);
}

/// The same without a plan: it is made in the scratch of `ctx`, which needs `plan_bytes` more.
template <class Backend, attention_composition Composition, detail::heads_view Q, detail::heads_view K, detail::heads_view V,
          detail::heads_view O>
void attend(context<Backend> ctx, const Composition& c, const Q& q, const K& k, const V& v, const O& out, const token_grid& grid,
            head_rows<float> logsumexp = {}) {
  if constexpr (Composition::source_type::same_tokens) {
    const auto plan = plan_attention(c, grid, q.extent(1), ctx.scratch);   // takes from ctx.scratch before ctx is passed on
    attend(ctx, plan, q, k, v, out, logsumexp);
  } else {
    const auto plan = plan_attention(c, grid, sequence_grid(k.extent(2)), q.extent(1), ctx.scratch);
    attend(ctx, plan, q, k, v, out, logsumexp);
  }
}

/// The same in a workspace: `attend<simd>(window_attention, q, k, v, out, grid, scratch)`.
template <class Backend, attention_composition Composition, detail::heads_view Q, detail::heads_view K, detail::heads_view V,
          detail::heads_view O>
void attend(const Composition& c, const Q& q, const K& k, const V& v, const O& out, const token_grid& grid, const workspace& scratch,
            head_rows<float> logsumexp = {}) {
  attend(context<Backend>{Backend{}, scratch.scratch()}, c, q, k, v, out, grid, logsumexp);
}

/// One group, all heads, on rows of its own: position i of `group` is row i of the views `[1, heads, group_size,
/// head_dim]`. Masks, biases and score functions see the group as in `attend` (`batch` is the batch item they are told).
/// Padded positions are not read and not written. For blocks that gather a window, project it and attend while it is in
/// the cache; the caller runs groups in parallel.
/// @throws shape_error, workspace_error before any work
template <class Backend, class Composition, detail::heads_view Q, detail::heads_view K, detail::heads_view V, detail::heads_view O>
void attend_group(context<Backend> ctx, const attention_plan<Composition>& plan, std::size_t batch, std::size_t group, const Q& q,
                  const K& k, const V& v, const O& out, head_rows<float> logsumexp = {}) {
  detail::check_composition<Composition>();
  static_assert(Composition::source_type::same_tokens, "heddle::attend_group: keys come from the same tokens (source self_source)");
  static_assert(std::is_same_v<Backend, typename Backend::serial_type>,
                "heddle::attend_group: runs on one thread; pass the serial context that for_each gives");
  const auto arguments = detail::make_arguments(plan, q, k, v, out, logsumexp);
  detail::require_arguments(arguments, 1, plan.queries(), plan.keys());
  if (group >= plan.map().groups())
    detail::raise<shape_error>("attend_group: expected a group below " + std::to_string(plan.map().groups()) + ", got " +
                               std::to_string(group));
  detail::check_mask(plan.composition().mask(), batch + 1);
  kernel<op::attend, Backend>::run_group(ctx, arguments, batch, group);
}

}  // namespace heddle::inline v0
