/// @file
/// The way of short groups: `attend_columns`, between packing and storing. All pairs are scored; those that a mask hides are
/// taken out of the scores afterwards, which for so few keys costs less than tiles that are cut to what is seen.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>

#include <heddle/simd/attend_columns.hpp>
#include <heddle/simd/attend_rows.hpp>
#include <heddle/simd/attend_starts.hpp>
#include <heddle/simd/attend_state.hpp>

namespace heddle::inline v0::detail {

template <class Isa, class Products, class Arguments>
class attend_short {
  using v = vec<Isa>;
  using state_type = attend_state<Isa, Products, Arguments>;
  using composition_type = typename state_type::composition_type;
  using normalizer_type = typename state_type::normalizer_type;
  using observer = observed<typename composition_type::observer_type>;
  static constexpr std::size_t D = Arguments::head_dim;

  static constexpr bool masked = state_type::mask_type::masked;
  static constexpr std::size_t most_masked_keys = 64;  ///< beyond them, tiles that nobody sees are worth leaving out

  const state_type& t_;
  std::size_t head_;
  token_range tokens_;
  bool hides_ = false;  ///< some pair is hidden

 public:
  static constexpr bool possible =
      attend_columns<Isa, D>::possible && std::is_same_v<Products, attend_products_f32<Isa>> && !state_type::own_keys &&
      !state_type::cross && heads_per_key_head<typename composition_type::source_type> == 1 &&
      normalizer_type::kind == normalizer_kind::exponential && normalizer_parts<normalizer_type> == 1 &&
      !initial_score<normalizer_type> && !observer::weights &&
      (composition_type::modifiers == 0 || bias_runs<composition_type>::starts);

  attend_short(const state_type& t, std::size_t head) : t_(t), head_(head), tokens_(t.queries(0, t.sizes.queries)) {}

  /// Nothing is padded, a bias is there by columns, and what a mask hides has values that may be multiplied by 0.
  bool ready() {
    if (t_.sizes.short_keys() < attend_columns<Isa, D>::rows || t_.sizes.chunk < t_.sizes.panels) return false;
    if (t_.a.plan.map().padded()) {  // some groups are, but this one?
      for (std::size_t i = 0; i < t_.sizes.keys; ++i)
        if (!tokens_.present(i)) return false;
    }
    if (composition_type::modifiers > 0 && t_.a.plan.bias().columns(head_) == nullptr) return false;
    if constexpr (masked) {
      const tile seen = t_.mask.classify(context(), 0, t_.sizes.queries, 0, t_.sizes.keys);
      if (seen == tile::full) return true;
      hides_ = seen == tile::partial && t_.sizes.keys <= most_masked_keys;
      return hides_ &&
             pack_rows<Isa, D, true>(t_.values(head_, tokens_), 0, t_.sizes.keys, D, 1.0F, t_.s.values, Products::out_pitch(D));
    }
    return true;
  }

  void run() const {
    const float scale = t_.composition().score().scale(head_, D);
    t_.with_queries(head_, tokens_,
                    [&](const auto& rows) { pack_panels<Isa, D>(rows, 0, t_.sizes.queries, D, scale, t_.s.keys); });
    find_rows();
    attend_columns<Isa, D> problem{t_.s.keys,
                                   reinterpret_cast<const float* const*>(t_.s.key_rows),
                                   reinterpret_cast<const float* const*>(t_.s.value_rows),
                                   t_.sizes.keys,
                                   nullptr,
                                   t_.a.plan.bias().pitch(),
                                   t_.s.scores,
                                   t_.s.row_vectors,
                                   t_.s.sums};
    if constexpr (composition_type::modifiers > 0) problem.bias = attend_starts<Isa, state_type>(t_, head_).by_columns();
    // One or two queries behind the last whole vector cost less alone.
    const std::size_t behind = t_.sizes.queries % v::size;
    const bool alone = behind > 0 && behind <= 2 && t_.sizes.queries > v::size;
    const std::size_t vectors = t_.sizes.queries / v::size + (behind > 0 && !alone ? 1 : 0);
    each_piece<attend_columns<Isa, D>::most>(vectors, [&](auto columns, std::size_t vector) {
      problem.template score_queries<columns>(vector);
      if constexpr (masked) {
        if (hides_) hide<columns>(problem, vector);
      }
      problem.template weigh_values<columns>();
      store<columns>(problem, vector);
    });
    if (alone) run_alone(t_.sizes.queries - behind, behind, scale);
  }

 private:
  typename state_type::context_type context() const {
    auto c = t_.context;
    c.head = head_;
    return c;
  }

  /// Takes hidden pairs out of scores: their maxima are found anew, for a hidden score may be the largest, or NaN.
  template <std::size_t Columns>
  HEDDLE_NOINLINE void hide(const attend_columns<Isa, D>& problem, std::size_t vector) const {
    // A map of its own: the compiler then knows that storing scores does not change what the mask is told.
    const typename state_type::map_type map = t_.a.plan.map();
    auto c = context();
    c.map = &map;
    const v last(static_cast<float>(t_.sizes.queries - 1));  // policies are not asked about queries that are not there
    if constexpr (state_type::mask_type::labelled) {
      alignas(memory_alignment) float labels[most_masked_keys];
      for (std::size_t k = 0; k < t_.sizes.keys; k += v::size)
        t_.mask.label(c, batch_traits<v>::positions(static_cast<float>(k))).store(labels + k);
      for (std::size_t j = 0; j < Columns; ++j) {
        const v of_queries =
            t_.mask.label(c, min(batch_traits<v>::positions(static_cast<float>((vector + j) * v::size)), last));
        hide_column<Columns>(problem, j, [&](std::size_t k) { return of_queries == v::broadcast(labels + k); });
      }
    } else {
      for (std::size_t j = 0; j < Columns; ++j) {
        const v q = min(batch_traits<v>::positions(static_cast<float>((vector + j) * v::size)), last);
        hide_column<Columns>(problem, j, [&](std::size_t k) { return t_.mask(c, q, v(static_cast<float>(k))); });
      }
    }
  }

  template <std::size_t Columns, class Visible>
  HEDDLE_ALWAYS_INLINE void hide_column(const attend_columns<Isa, D>& problem, std::size_t j, Visible visible) const {
    float* score = problem.scores + j * v::size;
    v largest(lowest_score);
    for (std::size_t k = 0; k < t_.sizes.keys; ++k, score += Columns * v::size) {
      const v x = select(visible(k), v::load(score), v(-std::numeric_limits<float>::infinity()));
      x.store(score);
      largest = max(largest, x);
    }
    largest.store(problem.statistics + j * v::size);
  }

  /// Rows of keys and values: in place where they are floats that nothing changes.
  void find_rows() const {
    constexpr bool floats = std::is_same_v<typename Arguments::value_type, float>;
    const auto find = [&]<bool InPlace>(std::bool_constant<InPlace>, const auto& source, const void** rows, float* copies) {
      constexpr std::size_t pitch = Products::out_pitch(D);
      if constexpr (InPlace) {
        for (std::size_t k = 0; k < t_.sizes.keys; ++k) rows[k] = source.row(k);
      } else {
        pack_rows<Isa, D, false>(source, 0, t_.sizes.keys, D, 1.0F, copies, pitch);
        for (std::size_t k = 0; k < t_.sizes.keys; ++k) rows[k] = copies + k * pitch;
      }
    };
    t_.with_keys(head_, tokens_, [&](const auto& source) {
      find(std::bool_constant < floats && !copies_rows < composition_type >> {}, source, t_.s.key_rows, t_.s.short_rows);
    });
    if (hides_) {  // packed already
      for (std::size_t k = 0; k < t_.sizes.keys; ++k) t_.s.value_rows[k] = t_.s.values + k * Products::out_pitch(D);
    } else {
      find(std::bool_constant<floats>{}, t_.values(head_, tokens_), t_.s.value_rows, t_.s.values);
    }
  }

  /// Queries `[first, first + count)` row by row.
  void run_alone(std::size_t first, std::size_t count, float scale) const {
    const auto* keys = reinterpret_cast<const float* const*>(t_.s.key_rows);
    const auto* values = reinterpret_cast<const float* const*>(t_.s.value_rows);
    const std::size_t panels = t_.sizes.panels;
    for (std::size_t k = t_.sizes.keys; k < panels * v::size; ++k) t_.s.key_rows[k] = nullptr;
    t_.with_queries(head_, tokens_, [&](const auto& rows) {
      pack_rows<Isa, D, false>(rows, first, count, D, scale, t_.s.few_queries, Products::query_pitch(D));
    });
    const panel_run all{0, panels, false};
    const softmax_rows statistics{t_.s.rows.largest, t_.s.rows.sum, t_.s.rows.factor};
    for (std::size_t i = 0; i < count; ++i) {
      v largest(lowest_score);
      for (std::size_t p = 0; p < panels; ++p) {
        v x = scores_in_place<Isa, D>(t_.s.few_queries + i * Products::query_pitch(D), keys + p * v::size,
                                      static_cast<const float* const*>(nullptr), D);
        if constexpr (composition_type::modifiers > 0)
          x = x + v::load(t_.a.plan.bias().matrix(0, head_) + (first + i) * t_.a.plan.bias().pitch() + p * v::size);
        x = attend_starts<Isa, state_type>(t_, head_).added(x, first + i, p * v::size);
        if constexpr (masked) {
          const v k =
              min(batch_traits<v>::positions(static_cast<float>(p * v::size)), v(static_cast<float>(t_.sizes.keys - 1)));
          if (hides_)
            x = select(t_.mask(context(), v(static_cast<float>(first + i)), k), x, v(-std::numeric_limits<float>::infinity()));
        }
        if ((p + 1) * v::size > t_.sizes.keys)
          x = select(vec_mask<Isa>::first(t_.sizes.keys - p * v::size), x, v(-std::numeric_limits<float>::infinity()));
        x.store(t_.s.scores + p * v::size);
        largest = max(largest, x);
      }
      largest.store(t_.s.row_vectors);
      softmax_block<Isa>(t_.s.scores, t_.sizes.pitch, 1, &all, 1, t_.s.row_vectors, statistics, true);
      values_in_place<Isa, D>(t_.s.scores, t_.sizes.pitch, 1, values, &all, 1, D, nullptr, t_.s.sums, Products::out_pitch(D));
      const float sum = statistics.sum[0];
      const v inverse(sum == 0.0F ? 0.0F : 1.0F / sum);
      auto* out = &t_.a.out(t_.view_batch, head_, t_.output_row(tokens_, first + i), 0);
      for (std::size_t d = 0; d < D; d += v::size) store_part<Isa>(out, d, D, v::load(t_.s.sums + d) * inverse);
      if constexpr (observer::logsumexp) write_logsumexp(first + i, statistics.largest[0], sum);
    }
  }

  void write_logsumexp(std::size_t q, float largest, float sum) const {
    t_.a.outputs.logsumexp(t_.view_batch, head_, t_.output_row(tokens_, q)) =
        sum == 0.0F ? -std::numeric_limits<float>::infinity() : largest + std::log(sum);
  }

  template <std::size_t Columns>
  void store(const attend_columns<Isa, D>& problem, std::size_t vector) const {
    const std::size_t last = t_.sizes.queries;
    for (std::size_t j = 0; j < Columns; ++j) {
      const std::size_t q0 = (vector + j) * v::size;
      problem.template store<Columns>(j, [&](std::size_t lane) -> typename Arguments::output_type* {
        return q0 + lane < last ? &t_.a.out(t_.view_batch, head_, t_.output_row(tokens_, q0 + lane), 0) : nullptr;
      });
      if constexpr (observer::logsumexp) {
        for (std::size_t q = q0; q < q0 + v::size && q < last; ++q)
          write_logsumexp(q, problem.statistics[j * v::size + q - q0], problem.sums()[j * v::size + q - q0]);
      }
    }
  }
};

/// The way of short groups by what multiplies; `possible` says whether a composition can take it.
template <class Isa, class Products, class Arguments>
struct short_way {
  using type = attend_short<Isa, Products, Arguments>;
};

}  // namespace heddle::inline v0::detail
