/// @file
/// What kernels of `attend` are given: sizes, views and the plan.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "../attention/effective_mask.hpp"
#include "../attention/plan.hpp"
#include "../core/context.hpp"

namespace heddle::inline v0 {

namespace op {
/// Tag of `heddle::attend`.
struct attend {};
}  // namespace op

/// What the scratch of a kernel depends on: known before there are views, and constant where the composition is.
struct attend_shape {
  std::size_t queries = 0;  ///< positions of a group
  std::size_t keys = 0;     ///< keys of a group
  std::size_t head_dim = 0;
  std::size_t bias_runs = 0;      ///< runs of relative biases whose rows may have to be made
  std::size_t element_bytes = 4;  ///< of q, k and v
  std::size_t parts = 1;          ///< groups of keys that are normalised apart
  bool whole_rows = false;        ///< the normalizer weighs whole rows of scores
  bool weights = false;           ///< an observer reads normalised weights
  bool copied_rows = false;       ///< a position or score policy changes every query and key
  bool own_keys = false;          ///< the keys of a group are not its queries
  bool added_pairs = false;       ///< functions add to biases (`bias_runs::starts`)
  bool elementwise = false;       ///< a weight is a function of its own score
};

/// Everything a kernel is given. Views are checked: extents, strides, alignment, overlap; those of observers that the
/// composition lacks are empty, `class_row` and `probabilities` are zero.
template <class Composition, std::size_t HeadDim, class T = float, class Out = float, class Keys = view_rows<T, HeadDim>>
struct attend_arguments {
  using composition_type = Composition;
  using value_type = T;     ///< of q, k and v
  using output_type = Out;  ///< T or float
  using keys_type = Keys;   ///< `key_rows`
  using context_type = group_context<typename Composition::map_type>;
  static constexpr std::size_t head_dim = HeadDim;

  const attention_plan<Composition>& plan;
  head_view<const T, HeadDim> q;
  Keys k;
  Keys v;
  head_view<Out, HeadDim> out;
  attend_outputs outputs;

  /// The head of k and v that a head of queries reads.
  std::size_t key_head(std::size_t head) const noexcept {
    if constexpr (detail::heads_per_key_head<typename Composition::source_type> == 1) {
      return head;
    } else if constexpr (detail::one_key_head<typename Composition::source_type>) {
      return 0;
    } else {
      return head / (plan.heads() / k.extent(1));
    }
  }
};

namespace detail {

/// Some modifier reads its biases from memory, row by row.
template <class Composition>
inline constexpr bool rows_of_biases = []<std::size_t... I>(std::index_sequence<I...>) {
  return (askable_row<typename Composition::template modifier_type<I>, group_context<typename Composition::map_type>> || ...);
}(std::make_index_sequence<Composition::modifiers>{});

/// Queries of a group that are no padding: importance is the mean over them.
template <class Isa = isa::native>
std::size_t present_queries(const std::int32_t* tokens, std::size_t queries) noexcept {
  std::size_t n = 0;
  for (std::size_t i = 0; i < queries; ++i) n += tokens[i] >= 0 ? 1 : 0;
  return n;
}

template <class V>
concept heads_view = requires {
  { V::rank() } -> std::convertible_to<std::size_t>;
} && V::rank() == 4 && attend_element<typename V::value_type>;

/// What `attend` takes for k and v.
template <class V>
concept keys_argument = heads_view<V> || key_rows<V>;

/// The head_dim that the types of the views know, or `dyn`.
template <class... Vs>
inline constexpr std::size_t static_head_dim = [] {
  std::size_t d = dyn;
  ((d = Vs::static_extent(3) != dyn ? Vs::static_extent(3) : d), ...);
  return d;
}();

template <class K, std::size_t D>
constexpr auto as_key_rows(const K& k) {
  if constexpr (heads_view<K>) {
    return view_rows<typename K::value_type, D>{head_view<const typename K::value_type, D>(k)};
  } else {
    return k;
  }
}

/// The shape of a call with elements of `T`.
template <class T, class Composition>
constexpr attend_shape make_shape(std::size_t queries, std::size_t keys, std::size_t head_dim) noexcept {
  using normalizer = typename Composition::normalizer_type;
  return {queries,
          keys,
          head_dim,
          bias_runs<Composition>::count,
          sizeof(T),
          normalizer_parts<normalizer>,
          normalizer::kind == normalizer_kind::whole_row,
          observed<typename Composition::observer_type>::weights,
          copies_rows<Composition>,
          !Composition::source_type::same_tokens || keyed_index_map<typename Composition::map_type>,
          bias_runs<Composition>::starts && !bias_runs<Composition>::only,
          normalizer::kind == normalizer_kind::elementwise};
}

template <class T, class Composition>
constexpr attend_shape shape_of(const Composition& c, const token_grid& grid, const token_grid& key_grid,
                                std::size_t head_dim) {
  const auto map = c.partition().map(grid);
  return make_shape<T, Composition>(map.group_size(), keys_of<Composition>(map, key_grid), head_dim);
}

/// The shape that a kernel is given with its arguments.
template <class Composition, std::size_t D, class T, class Out, class Keys>
attend_shape shape_of(const attend_arguments<Composition, D, T, Out, Keys>& a) noexcept {
  return make_shape<T, Composition>(a.plan.queries(), a.plan.keys(), a.q.extent(3));
}

template <class Composition, class Q, class K, class V, class O>
auto make_arguments(const attention_plan<Composition>& plan, const Q& q, const K& k, const V& v, const O& out,
                    const attend_outputs& outputs) {
  constexpr std::size_t d = static_head_dim<Q, K, V, O>;
  using element = typename Q::value_type;
  using output = typename O::value_type;
  using keys = decltype(as_key_rows<K, d>(k));
  static_assert(std::is_same_v<typename K::value_type, element> && std::is_same_v<typename V::value_type, element>,
                "heddle::attend: q, k and v must have one element type");
  static_assert(std::is_same_v<output, element> || std::is_same_v<output, float>,
                "heddle::attend: out must have the element type of q, k and v, or float");
  static_assert(!std::is_const_v<typename O::element_type>,
                "heddle::attend: out must be a view of elements that can be written");
  static_assert(std::is_same_v<keys, decltype(as_key_rows<V, d>(v))>, "heddle::attend: k and v must be views of one kind");
  return attend_arguments<Composition, d, element, output, keys>{
      plan, head_view<const element, d>(q), as_key_rows<K, d>(k), as_key_rows<V, d>(v), head_view<output, d>(out), outputs};
}

}  // namespace detail
}  // namespace heddle::inline v0
