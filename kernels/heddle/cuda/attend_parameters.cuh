/// @file
/// What kernels of `attend` are given on a device, and what one problem of it is: policies by value, views of device memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <heddle/cuda/device/device.cuh>
#include <heddle/primitive/attend.hpp>

namespace heddle::inline v0::detail {

/// The types of arguments whose weights a second pass will find again: kernels of the first write no more than the outputs and
/// what the second needs, the logarithm of every row's sum.
template <class Arguments>
struct first_pass_of {
  using composition_type = typename Arguments::composition_type;
  using value_type = typename Arguments::value_type;
  using output_type = typename Arguments::output_type;
  using keys_type = typename Arguments::keys_type;
  using context_type = typename Arguments::context_type;
  static constexpr std::size_t head_dim = Arguments::head_dim;
  struct observer {
    static constexpr bool logsumexp = composition_type::normalizer_type::kind != normalizer_kind::elementwise;
    static constexpr bool importance = false;
    static constexpr bool class_row = false;
    static constexpr bool probabilities = false;
    static constexpr bool weights = false;
  };
};

/// What a kernel for these arguments has to observe.
template <class Arguments>
struct observer_of {
  using type = observed<typename Arguments::composition_type::observer_type>;
};
template <class Arguments>
struct observer_of<first_pass_of<Arguments>> {
  using type = typename first_pass_of<Arguments>::observer;
};
template <class Arguments>
using kernel_observer = typename observer_of<Arguments>::type;

/// All queries of a batch item see the same keys.
template <class Composition>
inline constexpr bool one_set_of_keys = !effective_mask<Composition>::masked || [] {
  using mask = typename Composition::mask_type;
  if constexpr (requires { mask::same_for_queries; }) {
    return bool{mask::same_for_queries} && !effective_mask<Composition>::by_map && !effective_mask<Composition>::by_normalizer;
  } else {
    return false;
  }
}();

/// Smoothed exponentials that a kernel of tiles computes: what the small constant adds to the outputs is the same for all
/// queries, a sum of values.
template <class Composition>
inline constexpr bool smooths =
    smoothed_exponentials<typename Composition::normalizer_type> &&
    std::is_same_v<typename Composition::partition_type, global> && Composition::modifiers == 0 && one_set_of_keys<Composition>;

/// Weights are exponentials over a sum, with or without a small constant.
template <class Composition>
inline constexpr bool takes_exponentials =
    Composition::normalizer_type::kind == normalizer_kind::exponential || smooths<Composition>;

/// The arguments of one call as a value that a launch copies. Groups `first_group` to `first_group + groups - 1` of the map,
/// for every batch item of the views.
template <class Arguments>
struct attend_parameters {
  using arguments_type = Arguments;
  using composition_type = typename Arguments::composition_type;
  using value_type = typename Arguments::value_type;
  using output_type = typename Arguments::output_type;
  using keys_type = typename Arguments::keys_type;
  using map_type = typename composition_type::map_type;
  using context_type = typename Arguments::context_type;
  using normalizer_type = typename composition_type::normalizer_type;
  using observer = kernel_observer<Arguments>;
  using mask_type = effective_mask<composition_type>;
  using bias_type = expanded_bias<composition_type>;
  static constexpr std::size_t head_dim = Arguments::head_dim;
  /// Keys come from other tokens, in their order.
  static constexpr bool other_tokens = !composition_type::source_type::same_tokens;
  static constexpr bool keyed = keyed_index_map<map_type>;
  /// Position i is token i.
  static constexpr bool in_order = std::is_same_v<typename composition_type::partition_type, global>;

  composition_type composition;
  map_type map;
  bias_type bias;
  head_view<const value_type, head_dim> q;
  keys_type k;
  keys_type v;
  head_view<output_type, head_dim> out;
  attend_outputs outputs;
  std::size_t batch = 0;
  std::size_t groups = 0;
  std::size_t heads = 0;
  std::size_t heads_per_key_head = 1;
  std::size_t queries = 0;      ///< of a group
  std::size_t keys = 0;         ///< of a group
  std::size_t first_batch = 0;  ///< what policies are told of batch item 0
  std::size_t first_group = 0;
  bool local = false;   ///< rows are those of the positions, not those of the tokens
  bool padded = false;  ///< some group holds padding
  const float* value_sums =
      nullptr;  ///< `[batch, heads, head_dim + 1]` of smoothed exponentials: sums over the visible keys, then their number
  std::size_t rests = 0;  ///< floats from a logsumexp to what smoothing adds to the weights of its row; 0: nobody asks

  HEDDLE_HOST_DEVICE std::size_t dim() const noexcept { return head_dim != dyn ? head_dim : q.extent(3); }
  /// Problems: one for every batch item, group and head.
  HEDDLE_HOST_DEVICE std::size_t problems() const noexcept { return batch * groups * heads; }
};

/// All groups of all batch items.
template <class Arguments>
attend_parameters<Arguments> parameters_of(const Arguments& a) {
  const auto& plan = a.plan;
  const std::size_t key_heads = a.k.extent(1);
  return {plan.composition(),
          plan.map(),
          plan.bias(),
          a.q,
          a.k,
          a.v,
          a.out,
          a.outputs,
          a.q.extent(0),
          plan.map().groups(),
          plan.heads(),
          key_heads == 0 ? 1 : plan.heads() / key_heads,
          plan.queries(),
          plan.keys(),
          0,
          0,
          false,
          plan.map().padded()};
}

/// The same call for the first of two passes.
template <class Arguments>
attend_parameters<first_pass_of<Arguments>> first_pass(const attend_parameters<Arguments>& p) {
  return {p.composition, p.map,     p.bias,        p.q,           p.k,     p.v,
          p.out,         p.outputs, p.batch,       p.groups,      p.heads, p.heads_per_key_head,
          p.queries,     p.keys,    p.first_batch, p.first_group, p.local, p.padded,
          p.value_sums,  p.rests};
}

/// One group, on rows of its own.
template <class Arguments>
attend_parameters<Arguments> parameters_of_group(const Arguments& a, std::size_t batch, std::size_t group) {
  attend_parameters<Arguments> p = parameters_of(a);
  p.batch = 1;
  p.groups = 1;
  p.first_batch = batch;
  p.first_group = group;
  p.local = true;
  return p;
}

/// One group of one batch item, for one head: where its rows lie, and what policies are told.
template <class P>
class attend_problem {
  using T = typename P::value_type;
  const P* p_;
  std::size_t batch_;
  std::size_t group_;
  std::size_t head_;
  std::size_t key_head_;

 public:
  HEDDLE_DEVICE attend_problem(const P& p, std::size_t batch, std::size_t group, std::size_t head) noexcept
      : p_(&p), batch_(batch), group_(p.first_group + group), head_(head), key_head_(head / p.heads_per_key_head) {}
  /// Problem number `index`: heads change fastest, then groups.
  static HEDDLE_DEVICE attend_problem numbered(const P& p, std::size_t index) noexcept {
    const std::size_t rest = index / p.heads;
    return attend_problem(p, rest / p.groups, rest % p.groups, index % p.heads);
  }

  HEDDLE_DEVICE typename P::context_type context() const noexcept {
    return {p_->first_batch + batch_, group_, head_, p_->queries, p_->keys, &p_->map};
  }
  HEDDLE_DEVICE std::size_t batch() const noexcept { return batch_; }
  HEDDLE_DEVICE std::size_t group() const noexcept { return group_; }
  HEDDLE_DEVICE std::size_t head() const noexcept { return head_; }
  HEDDLE_DEVICE std::size_t key_head() const noexcept { return key_head_; }

  /// The token of a position, -1 for padding.
  HEDDLE_DEVICE std::int32_t query_token(std::size_t i) const {
    if constexpr (P::in_order) {
      return static_cast<std::int32_t>(i);
    } else {
      return p_->map.token(group_, i);
    }
  }
  HEDDLE_DEVICE std::int32_t key_token(std::size_t i) const {
    if constexpr (P::other_tokens) {
      return static_cast<std::int32_t>(i);
    } else if constexpr (P::keyed) {
      return p_->map.key_token(group_, i);
    } else {
      return query_token(i);
    }
  }
  /// Queries of the group that are no padding; every warp counts them.
  HEDDLE_DEVICE float queries_present() const {
    if (!p_->padded) return static_cast<float>(p_->queries);
    float n = 0.0F;
    for (std::size_t q = device::lane(); q < p_->queries; q += device::warp_size) n += query_token(q) >= 0 ? 1.0F : 0.0F;
    return device::warp_sum(n);
  }
  /// The row of a position in the views, given its token.
  HEDDLE_DEVICE std::size_t row(std::size_t i, std::int32_t token) const noexcept {
    return p_->local ? i : static_cast<std::size_t>(token);
  }

  HEDDLE_DEVICE const T* query(std::size_t row) const noexcept {
    return p_->q.data_handle() + batch_ * p_->q.stride(0) + head_ * p_->q.stride(1) + row * p_->q.stride(2);
  }
  HEDDLE_DEVICE const T* key(std::size_t row) const noexcept { return p_->k.row(batch_, key_head_, row); }
  HEDDLE_DEVICE const T* value(std::size_t row) const noexcept { return p_->v.row(batch_, key_head_, row); }
  HEDDLE_DEVICE typename P::output_type* output(std::size_t row) const noexcept {
    return p_->out.data_handle() + batch_ * p_->out.stride(0) + head_ * p_->out.stride(1) + row * p_->out.stride(2);
  }

  HEDDLE_DEVICE float scale() const { return p_->composition.score().scale(head_, p_->dim()); }

  /// The finished score of a pair, from the scaled product of its query and key.
  HEDDLE_DEVICE float score(const typename P::context_type& c, float product, std::size_t q, std::size_t k) const {
    using composition = typename P::composition_type;
    float score = product;
    each_modifier<composition>([&](auto i) {
      using modifier = typename composition::template modifier_type<i()>;
      if constexpr (bias_runs<composition>::template is_bias<i()>) {
        score += p_->bias.table(i())[head_ * p_->bias.table_size() + p_->bias.key_place(k) + p_->bias.query_place(q)];
      } else if constexpr (askable_row<modifier, typename P::context_type>) {
        const float* row = p_->composition.template modifier<i()>().row(c, q);
        if (row != nullptr) score += row[k];
      } else {
        score =
            modified<float>(p_->composition.template modifier<i()>(), c, score, static_cast<float>(q), static_cast<float>(k));
      }
    });
    return score;
  }
};

}  // namespace heddle::inline v0::detail
