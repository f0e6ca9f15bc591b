/// @file
/// One group at work: where its rows lie, its token lists, and what the passes over it share.
#pragma once

#include <cstddef>
#include <cstdint>

#include <heddle/simd/attend_batch.hpp>
#include <heddle/simd/attend_scratch.hpp>

namespace heddle::inline v0 {
struct neighborhood_groups;
}

namespace heddle::inline v0::detail {

/// Applies the position and score policies to a copy of a row, which holds whole vectors, zeros behind head_dim.
template <class Isa, class Composition>
struct row_change {
  const Composition& composition;
  std::size_t head_dim;
  std::size_t head;
  row_role role;

  void operator()(float* row, std::size_t token) const {
    using v = vec<Isa>;
    if constexpr (std::is_same_v<typename Composition::score_type, cosine> &&
                  !changes_rows<typename Composition::position_type>) {
      v squares = v::zero();
      for (std::size_t d = 0; d < head_dim; d += v::size) squares = fma(v::load(row + d), v::load(row + d), squares);
      const v factor(1.0F / math::max(math::sqrt(reduce_add(squares)), 1e-12F));  // as cosine::prepare
      for (std::size_t d = 0; d < head_dim; d += v::size) (v::load(row + d) * factor).store(row + d);
    } else {
      change_row(composition, row, head_dim, head, token, role);
    }
  }
};

template <class Isa, class Products, class Arguments>
struct attend_state {
  using v = vec<Isa>;
  using composition_type = typename Arguments::composition_type;
  using map_type = typename composition_type::map_type;
  using context_type = typename Arguments::context_type;
  using mask_type = effective_mask<composition_type>;
  using normalizer_type = typename composition_type::normalizer_type;
  using query_rows = view_rows<typename Arguments::value_type, Arguments::head_dim>;
  static constexpr std::size_t head_dim = Arguments::head_dim;
  static constexpr bool own_keys = keyed_index_map<map_type>;
  static constexpr bool cross = !composition_type::source_type::same_tokens;
  /// Position i of the only group is token i.
  static constexpr bool plain_queries = std::is_same_v<typename composition_type::partition_type, global>;
  static constexpr bool plain_keys = cross || (plain_queries && !own_keys);
  /// Only the map hides keys, and from all heads the same.
  static constexpr bool keeps_near = std::is_same_v<map_type, neighborhood_groups> && mask_type::by_map &&
                                     !mask_type::by_slot && !mask_type::by_normalizer && normalizer_parts<normalizer_type> == 1;

  const Arguments& a;
  const attend_sizes<Products>& sizes;
  attend_scratch<Products> s;
  context_type context;  ///< of the present head
  mask_type mask;
  std::size_t view_batch;  ///< for addresses; context.batch is what policies are told
  bool local;
  bool in_place;  ///< few queries: rows of keys and values are not packed
  float importance_weight = 0.0F;
  mutable bool added = false;  ///< `s.short_added` is made
  mutable bool near_found = false;

  attend_state(arena memory, const Arguments& arguments, const attend_sizes<Products>& z, std::size_t batch, std::size_t view,
               std::size_t group, bool is_local)
      : a(arguments),
        sizes(z),
        s(memory, z),
        context{batch, group, 0, z.queries, z.keys, &arguments.plan.map()},
        mask(arguments.plan.composition()),
        view_batch(view),
        local(is_local),
        in_place(false) {
    if constexpr (!plain_queries) {
      if (whole_queries()) a.plan.map().tokens(group, s.query_tokens);
    }
    if constexpr (own_keys) {
      if (whole_keys()) a.plan.map().key_tokens(group, s.key_tokens);
    }
  }

  const composition_type& composition() const noexcept { return a.plan.composition(); }
  std::size_t dim() const noexcept { return head_dim == dyn ? sizes.head_dim : head_dim; }

  /// The tokens of queries `[first, first + count)`.
  token_range queries(std::size_t first, std::size_t count) const {
    if constexpr (plain_queries) return {};
    if (whole_queries()) return {s.query_tokens, 0};
    for (std::size_t i = 0; i < count; ++i) s.query_tokens[i] = a.plan.map().token(context.group, first + i);
    return {s.query_tokens, first};
  }
  /// The tokens of the keys of a panel, which is at `slot` of its chunk.
  token_range keys(std::size_t panel, std::size_t slot) const {
    if constexpr (plain_keys) return {};
    const std::size_t first = panel * v::size;
    if constexpr (own_keys) {
      if (whole_keys()) return {s.key_tokens, 0};
    } else {
      if (whole_queries()) return {s.query_tokens, 0};
    }
    std::int32_t* out = s.key_tokens + slot * v::size;
    for (std::size_t i = 0; i < v::size && first + i < sizes.keys; ++i) {
      if constexpr (own_keys) {
        out[i] = a.plan.map().key_token(context.group, first + i);
      } else {
        out[i] = a.plan.map().token(context.group, first + i);
      }
    }
    return {out, first};
  }
  std::size_t keys_of(std::size_t panel) const noexcept {
    const std::size_t left = sizes.keys - panel * v::size;
    return left < v::size ? left : v::size;
  }

  /// Calls `f` with the rows of queries of a head, after the policies that change rows.
  template <class F>
  void with_queries(std::size_t head, const token_range& tokens, F&& f) const {
    with_rows(query_rows{a.q}, head, tokens, row_role::query, static_cast<F&&>(f));
  }
  template <class F>
  void with_keys(std::size_t key_head, const token_range& tokens, F&& f) const {
    with_rows(a.k, key_head, tokens, row_role::key, static_cast<F&&>(f));
  }
  head_source<typename Arguments::keys_type> values(std::size_t key_head, const token_range& tokens) const {
    return {a.v, view_batch, key_head, tokens, local};
  }

  /// Finds `s.near` for the group, if there is room for it.
  void find_near() const {
    if (near_found || sizes.near_pairs() == 0) return;
    near_found = true;
    write_near();
  }
  /// `s.near` of a query and a panel, or null.
  HEDDLE_ALWAYS_INLINE const float* near(std::size_t q, std::size_t panel) const noexcept {
    return near_found ? s.near + (q * sizes.panels + panel) * v::size : nullptr;
  }

  /// Where the output of query i is written.
  std::size_t output_row(const token_range& tokens, std::size_t q) const noexcept { return local ? q : tokens.token(q); }

  /// Some lane of some vector may be hidden, so that values meet weights that are 0.
  bool hides() const noexcept {
    return mask_type::masked || composition_type::modifiers > 0 || normalizer_type::kind != normalizer_kind::exponential ||
           normalizer_parts<normalizer_type> > 1 || a.plan.map().padded();
  }

 private:
  HEDDLE_NOINLINE void write_near() const {
    const map_type map = a.plan.map();  // its own: the compiler then knows that storing does not change it
    context_type c = context;
    c.map = &map;
    const v last(static_cast<float>(sizes.keys - 1));  // not asked about keys that are not there
    float* out = s.near;
    for (std::size_t q = 0; q < sizes.queries; ++q)
      for (std::size_t p = 0; p < sizes.panels; ++p, out += v::size) {
        const v k = min(batch_traits<v>::positions(static_cast<float>(p * v::size)), last);
        select(mask(c, v(static_cast<float>(q)), k), v::zero(), v(-1.0F)).store(out);
      }
  }

  bool whole_queries() const noexcept { return sizes.queries <= sizes.list_limit; }
  bool whole_keys() const noexcept { return sizes.keys <= sizes.list_limit; }

  template <class Rows, class F>
  void with_rows(const Rows& rows, std::size_t head, const token_range& tokens, row_role role, F&& f) const {
    const head_source<Rows> source{rows, view_batch, head, tokens, local};
    if constexpr (copies_rows<composition_type>) {
      const row_change<Isa, composition_type> change{composition(), dim(), head, role};
      f(changed_source<Isa, Rows, row_change<Isa, composition_type>>(source, change, s.stage, sizes.stage_pitch, dim()));
    } else {
      f(source);
    }
  }
};

}  // namespace heddle::inline v0::detail
