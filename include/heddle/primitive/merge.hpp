/// @file
/// `merge_attention`: two results over different keys become the result over all of them.
#pragma once

#include <cstddef>

#include "../attention/head_view.hpp"
#include "../core/context.hpp"
#include "attend_checks.hpp"

namespace heddle::inline v0 {

namespace op {
/// Tag of `heddle::merge_attention`.
struct merge_attention {};
}  // namespace op

/// One result of `attend` with its logsumexp.
template <std::size_t HeadDim>
struct merge_input {
  head_view<const float, HeadDim> out;
  head_rows<const float> logsumexp;
};

namespace detail {

template <class V>
void require_result(const char* name, const char* lse_name, const V& x, const head_rows<const float>& lse, const V& like) {
  require_heads(name, x, like.extent(0), like.extent(1), like.extent(2), like.extent(3));
  require_memory(name, x);
  require_rows(lse_name, lse, like.extent(0), like.extent(1), like.extent(2));
}

}  // namespace detail

/// The exact union of two results of one set of queries over disjoint sets of keys:
/// `l = log(exp(l_a) + exp(l_b))`, `out = exp(l_a - l) out_a + exp(l_b - l) out_b`, `logsumexp = l`.
///
/// For keys that come in parts: a stored prefix and the present, slices of long sequences (split-K, ring attention). A row
/// that saw nothing (-inf) takes the other's result; -inf twice gives zeros and -inf. `out` and `logsumexp` may be those of
/// a or b.
/// @param out_a,out_b `[batch, heads, tokens, head_dim]`; lse `[batch, heads, tokens]`
/// @throws shape_error before any work, naming the argument
template <class Backend, class A, class B, class O>
void merge_attention(context<Backend> ctx, const A& out_a, const head_rows<const float>& lse_a, const B& out_b,
                     const head_rows<const float>& lse_b, const O& out, const head_rows<float>& logsumexp) {
  constexpr std::size_t d = detail::static_head_dim<A, B, O>;
  using view_type = head_view<const float, d>;
  const head_view<float, d> y(out);
  const view_type shape(y);
  const merge_input<d> a{view_type(out_a), lse_a};
  const merge_input<d> b{view_type(out_b), lse_b};
  detail::require_result("merge_attention: out_a", "merge_attention: lse_a", a.out, a.logsumexp, shape);
  detail::require_result("merge_attention: out_b", "merge_attention: lse_b", b.out, b.logsumexp, shape);
  detail::require_result("merge_attention: out", "merge_attention: logsumexp", shape, head_rows<const float>(logsumexp), shape);
  const auto apart = [&](const auto& x, const char* name) {
    if (!detail::same_elements(y, x) && detail::overlap(y, x))
      detail::raise<shape_error>(std::string("merge_attention: out: overlaps ") + name +
                                 "; expected memory of its own or exactly that view");
  };
  apart(a.out, "out_a");
  apart(b.out, "out_b");
  kernel<op::merge_attention, Backend>::run(ctx, a, b, y, logsumexp);
}

}  // namespace heddle::inline v0
