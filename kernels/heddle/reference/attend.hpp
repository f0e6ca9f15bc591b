/// @file
/// The definition of `attend`: one row after the other, in double.
#pragma once

#include <cstdint>

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/attend.hpp>
#include <heddle/reference/attend_row.hpp>

namespace heddle::inline v0 {

template <>
struct kernel<op::attend, reference> {
  static constexpr std::size_t worker_bytes(const attend_shape& s) noexcept {
    return scratch_bytes<std::int32_t>(s.queries) + scratch_bytes<std::int32_t>(s.keys) +
           detail::plain_scratch_bytes(s.keys, s.head_dim);
  }

  template <class Arguments>
  static void run(context<reference> ctx, const Arguments& a) {
    const std::size_t groups = a.plan.map().groups();
    ctx.for_each(a.q.extent(0) * groups, worker_bytes(detail::shape_of(a)),
                 [&](context<reference> mine, std::size_t i) { group(mine, a, i / groups, i / groups, i % groups, false); });
  }

  template <class Arguments>
  static void run_group(context<reference> ctx, const Arguments& a, std::size_t batch, std::size_t g) {
    group(ctx, a, batch, 0, g, true);
  }

 private:
  template <class Arguments>
  static void group(context<reference> ctx, const Arguments& a, std::size_t batch, std::size_t view_batch, std::size_t g,
                    bool local) {
    const std::size_t queries = a.plan.queries();
    const std::size_t keys = a.plan.keys();
    auto* query_tokens = ctx.scratch.template take<std::int32_t>(queries);
    auto* key_tokens = ctx.scratch.template take<std::int32_t>(keys);
    a.plan.map().tokens(g, query_tokens);
    a.plan.key_tokens(g, query_tokens, key_tokens);
    const detail::plain_scratch s = detail::take_plain_scratch(ctx.scratch, keys, a.q.extent(3));
    const detail::group_tokens tokens{query_tokens, key_tokens, local};
    for (std::size_t head = 0; head < a.plan.heads(); ++head) {
      const typename Arguments::context_type c{batch, g, head, queries, keys, &a.plan.map()};
      for (std::size_t q = 0; q < queries; ++q)
        if (query_tokens[q] >= 0) detail::attend_row(a, c, view_batch, tokens, q, s);
    }
  }
};

}  // namespace heddle::inline v0
