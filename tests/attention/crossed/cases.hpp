// The cases of the crossed test: what goes into a row of it, what comes out, and how close two backends must be.
#pragma once

#include <heddle/backend/reference.hpp>

#include <limits>
#include <type_traits>
#include <vector>

#include "composition.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

namespace heddle::test::crossed {

inline constexpr token_grid grid_of_cases{2, 4, 9};
inline constexpr std::size_t batch = 2;
inline constexpr std::size_t other_keys = 61;  ///< of cross attention

/// Of the largest value, for what is computed in f32.
inline constexpr double f32_bound = 1e-5;
/// The same where elements are bfloat16: widened to f32, unless the processor has products of bfloat16, whose weights are
/// rounded to 8 bits.
#if defined(__AVX512BF16__)
inline constexpr double bf16_bound = 2e-2;
#else
inline constexpr double bf16_bound = f32_bound;
#endif
/// Rounding a result to bfloat16 once: half a unit in the last of 8 bits, at most 2^-8 of the largest value.
inline constexpr double bf16_rounding = 0.00390625;

/// `bound` holds for everything that is returned, and `rounding` is added for the elements of the output.
template <std::size_t Elements>
struct element_level;
template <>
struct element_level<0> {
  using type = float;
  using output = float;
  static constexpr std::size_t fixed = dyn;
  static constexpr std::size_t dim = 7;
  static constexpr double bound = f32_bound;
  static constexpr double rounding = 0.0;
};
template <>
struct element_level<1> : element_level<0> {
  static constexpr std::size_t fixed = 12;
  static constexpr std::size_t dim = 12;
};
template <>
struct element_level<2> {
  using type = bfloat16;
  using output = bfloat16;
  static constexpr std::size_t fixed = 16;
  static constexpr std::size_t dim = 16;
  static constexpr double bound = bf16_bound;
  static constexpr double rounding = bf16_rounding;
};
template <>
struct element_level<3> : element_level<2> {
  using output = float;
  static constexpr double rounding = 0.0;
  static constexpr std::size_t fixed = dyn;
  static constexpr std::size_t dim = 25;
};
template <>
struct element_level<4> : element_level<0> {
  using type = half;
  static constexpr std::size_t dim = 9;
};

/// What one call returns.
template <class O>
struct results {
  std::vector<O> out;
  std::vector<float> lse;
  std::vector<float> importance;
  std::vector<float> class_rows;
  std::vector<float> probability;
  attend_outputs outputs{};

  results(std::size_t heads, std::size_t tokens, std::size_t key_tokens, std::size_t dim, std::size_t groups,
          std::size_t queries, std::size_t keys)
      : out(batch * tokens * heads * dim, O(0.0F)),
        lse(batch * heads * tokens, 0.0F),
        importance(batch * heads * key_tokens, 0.25F),
        class_rows(importance.size(), 77.0F),
        probability(batch * heads * groups * queries * keys, 77.0F) {
    const auto rows_view = [&](std::vector<float>& x, std::size_t n) {
      return head_rows<float>(x.data(), extents<dyn, dyn, dyn>(batch, heads, n), {heads * n, n, std::size_t{1}});
    };
    outputs.logsumexp = rows_view(lse, tokens);
    outputs.importance = rows_view(importance, key_tokens);
    outputs.class_row = rows_view(class_rows, key_tokens);
    const std::size_t h = heads * groups;
    outputs.probabilities = head_view<float>(probability.data(), extents<dyn, dyn, dyn, dyn>(batch, h, queries, keys),
                                             {h * queries * keys, queries * keys, keys, std::size_t{1}});
  }
};

/// The inputs of a row.
template <row R>
struct inputs {
  using level = element_level<R.elements>;
  using type = typename level::type;
  static constexpr std::size_t heads = heads_of_row<R>;
  static constexpr std::size_t key_heads = R.source == 2 ? 1 : 2;
  static constexpr std::size_t tokens = grid_of_cases.size();
  static constexpr std::size_t key_tokens = R.source >= 3 ? other_keys : tokens;
  static constexpr std::size_t slots = key_tokens + 3;  ///< rows in memory

  std::vector<type> q = elements(batch * tokens * heads * level::dim, 1);
  std::vector<type> k = elements(batch * slots * key_heads * level::dim, 2);
  std::vector<type> v = elements(batch * slots * key_heads * level::dim, 3);

  static std::vector<type> elements(std::size_t count, std::uint64_t seed) {
    std::vector<type> x;
    for (const float value : normal_vector(count, seed)) x.push_back(static_cast<type>(value));
    return x;
  }

  static auto heads_of(const type* x, std::size_t rows_in_memory, std::size_t n, std::size_t count, std::size_t first = 0) {
    constexpr std::size_t d = level::fixed;
    const std::size_t pitch = n * level::dim;
    return head_view<const type, d>(x + first * pitch, extents<dyn, dyn, dyn, d>(batch, n, count, level::dim),
                                    {rows_in_memory * pitch, level::dim, pitch, std::size_t{1}});
  }
  /// Views of queries, and of keys or values, wherever the arrays lie.
  static auto queries(const type* x) { return heads_of(x, tokens, heads, tokens); }
  static auto keys(const type* x) {
    const auto part = [&](std::size_t first, std::size_t count) { return heads_of(x, slots, key_heads, count, first); };
    if constexpr (R.source == 4) {
      return joined_heads<type, level::fixed, 3>{{part(0, 10), part(10, 20), part(30, key_tokens - 30)}};
    } else if constexpr (R.source == 5) {
      return ring_heads<type, level::fixed>{part(0, slots), 40, key_tokens};
    } else {
      return part(0, key_tokens);
    }
  }
  /// Row `token` of the keys and values becomes NaN.
  void poison(std::size_t item, std::size_t token) {
    for (std::size_t i = 0; i < key_heads * level::dim; ++i) {
      const std::size_t slot = R.source == 5 ? (40 + token) % slots : token;
      const std::size_t at = (item * slots + slot) * key_heads * level::dim + i;
      k[at] = static_cast<type>(std::numeric_limits<float>::quiet_NaN());
      v[at] = static_cast<type>(std::numeric_limits<float>::infinity());
    }
  }
};

template <class A, class B>
void require_close(const char* what, const A& expected, const B& got, double tolerance) {
  const worst_element w = worst(expected, got);
  INFO(what << ": " << w.text());
  REQUIRE(w.relative() < tolerance);
}

template <class O>
void compare(const results<float>& expected, const results<O>& got, double bound, double rounding = 0.0) {
  require_close("out", expected.out, got.out, bound + rounding);
  require_close("logsumexp", expected.lse, got.lse, bound);
  require_close("importance", expected.importance, got.importance, bound);
  require_close("class row", expected.class_rows, got.class_rows, bound);
  require_close("probabilities", expected.probability, got.probability, bound);
}

/// How many runs go through every choice that the row has.
template <row R>
inline constexpr std::size_t runs_of = R.mask == 1 || R.normalizer == 5 ? any_mask::count
                                       : R.partition == 1               ? any_partition::count
                                       : R.modifier == 0                ? 6
                                                                        : 14;

/// For AVX2 each row goes through all of its choices, for the other instruction sets through every third: which choice is
/// made does not depend on the set. The rows of a file begin at different ones.
#if defined(__AVX2__) && !defined(__AVX512F__)
inline constexpr std::size_t run_stride = 1;
#else
inline constexpr std::size_t run_stride = 3;
#endif

/// The grid of the keys of a row.
template <row R>
token_grid key_grid_of() {
  return R.source >= 3 ? sequence_grid(other_keys) : grid_of_cases;
}

/// What a row returns, not yet computed.
template <class O, row R, class Composition>
results<O> empty_results(const Composition& c) {
  using in = inputs<R>;
  const auto map = c.partition().map(grid_of_cases);
  return results<O>(in::heads, in::tokens, in::key_tokens, in::level::dim, map.groups(), map.group_size(),
                    heddle::detail::keys_of<Composition>(map, key_grid_of<R>()));
}

/// On the definition.
template <row R, class Composition>
results<float> run_reference(const Composition& c, const inputs<R>& x) {
  using in = inputs<R>;
  const workspace memory(plan_bytes(c, grid_of_cases, key_grid_of<R>(), in::heads) +
                         attend_bytes<typename in::type>(reference{}, c, grid_of_cases, key_grid_of<R>(), in::level::dim));
  auto r = empty_results<float, R>(c);
  attend(context<reference>{reference{}, memory.scratch()}, c, in::queries(x.q.data()), in::keys(x.k.data()),
         in::keys(x.v.data()), merged_heads<in::level::fixed>(r.out.data(), batch, in::tokens, in::heads, in::level::dim),
         grid_of_cases, r.outputs);
  return r;
}

/// Every `stride`-th run of a row, from `first_run` on. `run(composition, inputs)` gives the results of a backend.
template <row R, class Run>
void each_run(std::size_t first_run, std::size_t stride, double bound, double rounding, Run run) {
  inputs<R> x;
  table_vector<std::int32_t> gathered(gathered_group_count * gathered_size, -1);
  for (std::size_t i = 0; i < inputs<R>::tokens; ++i)
    gathered[i] = static_cast<std::int32_t>(i * 29 % inputs<R>::tokens);  // a permutation
  for (std::size_t step = first_run; step < runs_of<R>; step += stride) {
    const auto map = partition_of<R>(run_choices{nullptr, gathered.data(), step, 0, 0}).map(grid_of_cases);
    std::size_t keys = R.source >= 3 ? other_keys : map.group_size();
    if constexpr (R.partition == 3) keys = map.key_group_size();
    table_vector<tables> held;
    held.emplace_back(map.group_size(), keys);
    const tables& t = held.front();
    const run_choices choices{&t, gathered.data(), step, map.group_size(), keys};
    const auto c = composition_of<R>(choices);
    INFO("run " << step << " of partition " << R.partition << ", mask " << R.mask << ", modifier " << R.modifier
                << ", normalizer " << R.normalizer << ", source " << R.source << ", rows " << R.rows_of << ", observer "
                << R.observer << ", elements " << R.elements);
    const auto expected = run_reference(c, x);
    compare(expected, run(c, x), bound, rounding);
    if (R.partition == 0 && R.mask == 1 && step % any_mask::count == 5) {  // lengths: what nobody sees may be anything
      inputs<R> poisoned = x;
      for (std::size_t item = 0; item < batch; ++item)
        for (auto token = static_cast<std::size_t>(t.lengths[item]); token < inputs<R>::key_tokens; ++token)
          poisoned.poison(item, token);
      compare(expected, run_reference(c, poisoned), 1e-12);
      compare(expected, run(c, poisoned), bound, rounding);
    }
  }
}

}  // namespace heddle::test::crossed
