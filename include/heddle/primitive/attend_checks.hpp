/// @file
/// What `attend` refuses before any work. `Isa` keeps the functions of translation units with different instruction sets
/// apart, here and in overlap.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "attend_arguments.hpp"
#include "overlap.hpp"

namespace heddle::inline v0::detail {

template <class V, class Isa = isa::native>
void require_heads(const char* name, const V& x, std::size_t batch, std::size_t heads, std::size_t tokens,
                   std::size_t head_dim) {
  require_extent(name, "batch items", batch, x.extent(0));
  require_extent(name, "heads", heads, x.extent(1));
  require_extent(name, "tokens", tokens, x.extent(2));
  require_extent(name, "elements of a head", head_dim, x.extent(3));
}

/// One view of heads as memory.
template <class V, class Isa = isa::native>
void require_memory(const char* name, const V& x) {
  if (x.empty()) return;
  if (x.extent(3) > 1) require_extent(name, "as the stride of the elements of a head", 1, x.stride(3));
  if (x.data_handle() == nullptr) raise<shape_error>(std::string(name) + ": expected elements, got a view of nothing");
  if (reinterpret_cast<std::uintptr_t>(x.data_handle()) % alignof(typename V::value_type) != 0)
    raise<shape_error>(std::string(name) + ": the memory must be aligned to its elements of " +
                       std::to_string(alignof(typename V::value_type)) + " bytes");
}

/// The rows of an observer or of row weights: `[batch, heads, tokens]`.
template <class V, class Isa = isa::native>
void require_rows(const char* name, const V& x, std::size_t batch, std::size_t heads, std::size_t tokens) {
  require_extent(name, "batch items", batch, x.extent(0));
  require_extent(name, "heads", heads, x.extent(1));
  require_extent(name, "tokens", tokens, x.extent(2));
  if (!x.empty() && x.data_handle() == nullptr)
    raise<shape_error>(std::string(name) + ": expected elements, got a view of nothing");
}

template <class Arguments, class Isa = isa::native>
void require_outputs(const Arguments& a, const attend_call& call) {
  using observer = observed<typename Arguments::composition_type::observer_type>;
  const attend_outputs& o = a.outputs;
  if constexpr (observer::logsumexp) require_rows("attend: logsumexp", o.logsumexp, call.batch, call.heads, call.tokens);
  if constexpr (observer::importance) {
    require_rows("attend: importance", o.importance, call.batch, call.heads, call.key_tokens);
    if (o.row_weights.data_handle() != nullptr)
      require_rows("attend: row_weights", o.row_weights, call.batch, call.heads, call.tokens);
  }
  if constexpr (observer::class_row) require_rows("attend: class_row", o.class_row, call.batch, call.heads, call.key_tokens);
  if constexpr (observer::probabilities) {
    require_extent("attend: probabilities", "batch items", call.batch, o.probabilities.extent(0));
    require_extent("attend: probabilities", "heads times groups", call.heads * call.groups, o.probabilities.extent(1));
    require_extent("attend: probabilities", "queries", call.queries, o.probabilities.extent(2));
    require_extent("attend: probabilities", "keys", call.keys, o.probabilities.extent(3));
    require_memory("attend: probabilities", o.probabilities);
  }
}

/// `out` is written while k and v are still read; q only where it lies in the same rows.
template <class Arguments, class Isa = isa::native>
void require_apart(const Arguments& a) {
  const auto refuse = [](const char* name) {
    raise<shape_error>(std::string("attend: out: overlaps ") + name + "; expected memory of its own" +
                       (name[0] == 'q' ? " or exactly the view q" : ""));
  };
  a.k.each_view([&](const auto& x) {
    if (overlap(a.out, x)) refuse("k");
  });
  a.v.each_view([&](const auto& x) {
    if (overlap(a.out, x)) refuse("v");
  });
  if (!same_elements(a.out, a.q) && overlap(a.out, a.q)) refuse("q");
}

/// One of the views behind keys or values: all but the number of its tokens is that of the whole.
template <class V, class Keys, class Isa = isa::native>
void require_view(const char* name, const V& x, const Keys& whole) {
  require_extent(name, "batch items", whole.extent(0), x.extent(0));
  require_extent(name, "heads", whole.extent(1), x.extent(1));
  require_extent(name, "elements of a head", whole.extent(3), x.extent(3));
  require_memory(name, x);
}

/// `call` with the sizes of the views that are asked for.
template <class Arguments, class Isa = isa::native>
void require_arguments(const Arguments& a, const attend_call& call) {
  using source = typename Arguments::composition_type::source_type;
  if (call.head_dim == 0) raise<shape_error>("attend: q: a head has no elements");
  require_heads("attend: q", a.q, call.batch, call.heads, call.tokens, call.head_dim);
  require_key_heads<source>("attend: k", call.heads, a.k.extent(1));
  require_heads("attend: k", a.k, call.batch, a.k.extent(1), call.key_tokens, call.head_dim);
  require_heads("attend: v", a.v, call.batch, a.k.extent(1), call.key_tokens, call.head_dim);
  require_heads("attend: out", a.out, call.batch, call.heads, call.tokens, call.head_dim);
  require_memory("attend: q", a.q);
  a.k.each_view([&](const auto& x) { require_view("attend: k", x, a.k); });
  a.v.each_view([&](const auto& x) { require_view("attend: v", x, a.v); });
  require_memory("attend: out", a.out);
  require_outputs(a, call);
  require_apart(a);
}

/// Run-time parameters of policies that do not fit.
template <class Composition, class Isa = isa::native>
void require_policies(const Composition& c, const attend_call& call) {
  check_policy(c.mask(), call);
  check_policy(c.score(), call);
  check_policy(c.normalizer(), call);
  check_policy(c.position(), call);
  each_modifier<Composition>([&](auto i) {
    if constexpr (!bias_runs<Composition>::template is_bias<i>) check_policy(c.template modifier<i>(), call);
  });
}

}  // namespace heddle::inline v0::detail
