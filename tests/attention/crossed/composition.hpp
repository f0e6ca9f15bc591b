// The composition of one row of the crossed test.
#pragma once

#include <tuple>

#include "more_choices.hpp"
#include "rows.hpp"

namespace heddle::test::crossed {

/// What the choices of one run are made from.
struct run_choices {
  const tables* t = nullptr;
  const std::int32_t* gathered = nullptr;  ///< `[gathered_groups, gathered_size]`
  std::size_t step = 0;                    ///< number of the run
  std::size_t queries = 0;                 ///< of a group
  std::size_t keys = 0;
};

/// Heads of queries of a row.
template <row R>
inline constexpr std::size_t heads_of_row = R.source >= 1 && R.source <= 3 ? 4 : 2;

inline constexpr std::size_t gathered_group_count = 7;
inline constexpr std::size_t gathered_size = 11;

template <row R>
auto partition_of(const run_choices& c) {
  if constexpr (R.partition == 0) {
    return global{};
  } else if constexpr (R.partition == 1) {
    return any_partition{c.step};
  } else if constexpr (R.partition == 2) {
    return window<3, 4>{1, 2};
  } else if constexpr (R.partition == 3) {
    return neighborhood<3>{};
  } else if constexpr (R.partition == 4) {
    return gathered<>{c.gathered, gathered_group_count, gathered_size};
  } else {
    return window<2, 3, 4>{1, 0, 1};
  }
}

template <row R>
auto masks_of(const run_choices& c) {
  if constexpr (R.mask == 0) {
    return std::tuple<>{};
  } else {
    return std::tuple{any_mask{c.t, c.step}};
  }
}

template <row R>
auto modifiers_of(const run_choices& c) {
  const any_function function{c.t, c.step / 2, c.queries, c.keys};
  const any_row biases{c.t, c.step / 3, c.queries, c.keys};
  const relative_position_bias<> relative{c.t->numbers.data(), heads_of_row<R>};
  if constexpr (R.modifier == 0) {
    return std::tuple<>{};
  } else if constexpr (R.modifier == 1) {
    return std::tuple{function};
  } else if constexpr (R.modifier == 2) {
    return std::tuple{biases};
  } else if constexpr (R.modifier == 3) {
    return std::tuple{relative};
  } else if constexpr (R.modifier == 4) {
    return std::tuple{relative, function, biases};
  } else {
    return std::tuple{function, biases};
  }
}

template <row R>
auto normalizer_of(const run_choices& c) {
  const std::size_t shorter = c.queries < c.keys ? c.queries : c.keys;
  const position_range prompts{shorter > 2 ? std::size_t{1} : 0, shorter > 3 ? std::size_t{2} : shorter / 2};
  if constexpr (R.normalizer == 0) {
    return softmax{};
  } else if constexpr (R.normalizer == 1) {
    return softmax_sink{c.t->numbers.data(), heads_of_row<R>};
  } else if constexpr (R.normalizer == 2) {
    return any_weight{c.step};
  } else if constexpr (R.normalizer == 3) {
    return any_row_weights{c.t->boxes.data(), c.keys, c.step};
  } else if constexpr (R.normalizer == 4) {
    return one_part{.prompts = prompts};
  } else {
    return two_parts{.prompts = prompts,
                     .instance_share = {c.step},
                     .prompt_share = {c.step / 3},
                     .instances_from_instances = {c.t, c.step + 3}};
  }
}

template <row R>
auto source_of() {
  if constexpr (R.source == 0) {
    return self_source{};
  } else if constexpr (R.source == 1) {
    return grouped<2>{};
  } else if constexpr (R.source == 2) {
    return multi_query<>{};
  } else if constexpr (R.source == 3) {
    return grouped<0, cross_source>{};
  } else {
    return cross_source{};
  }
}

template <row R>
auto rows_of(const run_choices& c) {
  const any_position position{c.step};
  const cosine score{c.t->numbers.data() + 3, heads_of_row<R>, 0.5F};
  if constexpr (R.rows_of == 0) {
    return std::tuple<>{};
  } else if constexpr (R.rows_of == 1) {
    return std::tuple{position};
  } else if constexpr (R.rows_of == 2) {
    return std::tuple{score};
  } else {
    return std::tuple{position, score};
  }
}

template <row R>
auto observer_of() {
  constexpr bool exponential = R.normalizer != 2 && R.normalizer != 3;
  constexpr bool shared_keys = R.partition == 3;
  if constexpr (R.observer == 0) {
    return no_observer{};
  } else if constexpr (R.observer == 1) {
    return logsumexp{};
  } else if constexpr (shared_keys) {
    return std::conditional_t<exponential, observe<logsumexp, key_importance, probabilities>,
                              observe<key_importance, probabilities>>{};
  } else {
    return std::conditional_t<exponential, observe<logsumexp, key_importance, class_row, probabilities>,
                              observe<key_importance, class_row, probabilities>>{};
  }
}

template <row R>
auto composition_of(const run_choices& c) {
  return std::apply([](const auto&... ps) { return attention{ps...}; },
                    std::tuple_cat(std::tuple{partition_of<R>(c), normalizer_of<R>(c), source_of<R>(), observer_of<R>()},
                                   masks_of<R>(c), modifiers_of<R>(c), rows_of<R>(c)));
}

}  // namespace heddle::test::crossed
