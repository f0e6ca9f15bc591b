/// @file
/// One block of queries of one head against a packed chunk of keys: which panels it sees, their scores, weights and
/// weighted sums.
#pragma once

#include <array>
#include <cmath>
#include <limits>

#include <heddle/simd/attend_chunk.hpp>
#include <heddle/simd/attend_rows.hpp>

namespace heddle::inline v0::detail {

/// Where a block lies in the scratch.
struct attend_place {
  std::size_t q0 = 0;     ///< first query
  std::size_t count = 0;  ///< queries
  std::size_t index = 0;  ///< of the block
  std::size_t part = 0;   ///< of the normalizer
};

template <class Isa, class Products, class Arguments>
class attend_block {
  using v = vec<Isa>;
  using state_type = attend_state<Isa, Products, Arguments>;
  using composition_type = typename state_type::composition_type;
  using context_type = typename state_type::context_type;
  using normalizer_type = typename state_type::normalizer_type;
  using runs = bias_runs<composition_type>;
  using exact = attend_products_f32<Isa>;
  static constexpr std::size_t D = Arguments::head_dim;
  static constexpr bool masked = state_type::mask_type::masked;
  static constexpr std::size_t parts = normalizer_parts<normalizer_type>;
  static constexpr bool elementwise = normalizer_type::kind == normalizer_kind::elementwise;
  /// Something is done to scores besides the first run of relative biases.
  static constexpr bool functions = elementwise || (composition_type::modifiers > 0 && !(runs::only && runs::count == 1));
  static constexpr std::size_t modifiers = composition_type::modifiers == 0 ? 1 : composition_type::modifiers;

  const state_type& t_;
  const attend_chunk<Isa, Products, Arguments>& chunk_;
  context_type context_;
  attend_place place_;
  std::size_t run_count_ = 0;
  float* scores_;  ///< of the chunk, in the rows of the block

 public:
  attend_block(const state_type& t, const attend_chunk<Isa, Products, Arguments>& chunk, std::size_t head,
               const attend_place& place, std::size_t score_offset = 0)
      : t_(t), chunk_(chunk), context_(t.context), place_(place), scores_(t.s.scores + score_offset) {
    context_.head = head;
    find_runs();
  }

  bool sees() const noexcept { return run_count_ > 0; }
  std::size_t run_count() const noexcept { return run_count_; }
  const context_type& context() const noexcept { return context_; }
  /// Rows in whole tiles.
  std::size_t padded() const noexcept {
    return (place_.count + Products::tile_rows - 1) / Products::tile_rows * Products::tile_rows;
  }

  /// Final scores of the chunk in `scratch.scores`, -inf where hidden (elementwise: weights, 0 where hidden).
  void scores() {
    for (std::size_t r = 0; r < t_.sizes.block_lanes; ++r) v(lowest_score).store(t_.s.row_vectors + r * v::size);
    find_bias();
    bool refined = false;
    for (std::size_t i = 0; i < run_count_; ++i) {
      refined = refined || t_.s.runs[i].refine;
      score_run(t_.s.runs[i]);
    }
    if (refined) refine();
  }

  /// Scores become weights; statistics are those of the block.
  void weigh() const {
    attend_weight_job job{scores_,    t_.sizes.pitch,   place_.count, t_.s.runs,
                          run_count_, t_.s.row_vectors, statistics(), first()};
    if constexpr (elementwise) {
      if (!t_.in_place) Products::keep(job);
    } else if (t_.in_place) {
      exact::softmax(job);
    } else {
      Products::softmax(job);
    }
  }

  /// Scores become weights by the final statistics of the block, which stay as they are.
  void weigh_again() const {
    const softmax_rows rows = statistics();
    for (std::size_t r = 0; r < place_.count; ++r) {
      const v shift(rows.largest[r] * -log2_e);
      for (std::size_t i = 0; i < run_count_; ++i) {
        float* p = scores_ + r * t_.sizes.pitch + t_.s.runs[i].first * v::size;
        for (std::size_t j = 0; j < t_.s.runs[i].count; ++j, p += v::size)
          exp2_weight(fma(v::load(p), v(log2_e), shift)).store(p);
      }
    }
  }

  /// Adds the weighted values of the chunk to the sums of the block.
  void values() const {
    const float* factor = t_.s.rows.factor;
    if constexpr (normalizer_type::kind != normalizer_kind::exponential) {
      for (std::size_t r = 0; r < t_.sizes.block_lanes; ++r) t_.s.rows.factor[r] = 1.0F;
    }
    if (t_.in_place) {
      values_in_place<Isa, D>(scores_, t_.sizes.pitch, place_.count,
                              chunk_.template value_rows<typename Arguments::value_type>(), t_.s.runs, run_count_, t_.dim(),
                              first() ? nullptr : factor, sums(), Products::out_pitch(t_.dim()));
    } else {
      Products::template values<D>(attend_value_job<typename Products::element>{scores_, t_.sizes.pitch, t_.s.values, t_.s.runs,
                                                                                run_count_, chunk_.even_keys(), padded(),
                                                                                t_.dim(), first() ? nullptr : factor, sums()});
      if (chunk_.any_tainted()) add_tainted();
    }
    seen() = 1;
  }

  float* sums() const noexcept {
    return t_.s.sums + (place_.part * t_.sizes.blocks + place_.index) * t_.sizes.block * Products::out_pitch(t_.dim());
  }
  std::uint8_t& seen() const noexcept { return t_.s.seen[place_.part * t_.sizes.blocks + place_.index]; }
  softmax_rows statistics() const noexcept {
    const std::size_t at = (place_.part * t_.sizes.blocks + place_.index) * t_.sizes.block_lanes;
    return {t_.s.rows.largest + at, t_.s.rows.sum + at, t_.s.rows.factor};
  }

 private:
  bool first() const noexcept { return seen() == 0; }
  const typename Products::element* queries() const noexcept {
    return t_.s.queries + place_.index * t_.sizes.block * Products::query_pitch(t_.dim());
  }

  tile classify_panel(std::size_t slot) const {
    if (!chunk_.exists(slot)) return tile::skip;
    if (!masked && parts == 1) return tile::full;
    if (t_.s.unclear[slot] == 0) return tile::full;
    return chunk_.classify(context_, place_.q0, place_.q0 + place_.count, t_.s.panel_of[slot], t_.s.panel_of[slot] + 1,
                           place_.part);
  }

  /// The panels that the block sees, as runs of slots.
  void find_runs() {
    constexpr std::size_t step = Products::panel_step;
    if (!functions && chunk_.clear()) {  // one run
      for (std::size_t slot = 0; slot < chunk_.slots(); ++slot) t_.s.ask[slot] = 0;
      t_.s.runs[run_count_++] = {0, chunk_.slots(), false};
      return;
    }
    for (std::size_t slot = 0; slot < chunk_.slots(); slot += step) {
      bool any = false;
      bool refine = functions;
      for (std::size_t i = slot; i < slot + step; ++i) {
        const tile t = classify_panel(i);
        any = any || t != tile::skip;
        t_.s.ask[i] = t == tile::full ? 0 : 1;
        refine = refine || t != tile::full || t_.s.complete[i] == 0;
      }
      if (any) append(slot, refine);
    }
  }

  void append(std::size_t slot, bool refine) {
    constexpr std::size_t step = Products::panel_step;
    if (run_count_ > 0) {
      panel_run& last = t_.s.runs[run_count_ - 1];
      const bool follows =
          last.first + last.count == slot && (!runs::leading || t_.s.panel_of[slot] == t_.s.panel_of[slot - 1] + 1);
      if (last.refine == refine && follows) {
        last.count += step;
        return;
      }
    }
    t_.s.runs[run_count_++] = {slot, step, refine};
  }

  void find_bias() {
    if constexpr (runs::count > 0) {
      for (std::size_t run = 0; run < runs::count; ++run) {
        if (t_.a.plan.bias().matrix(run, context_.head) != nullptr) continue;
        float* made = made_bias(run);
        for (std::size_t r = 0; r < place_.count; ++r)
          for (std::size_t slot = 0; chunk_.exists(slot); ++slot)
            t_.a.plan.bias().row_part(run, context_.head, place_.q0 + r, t_.s.panel_of[slot] * v::size, v::size,
                                      made + r * made_pitch() + slot * v::size);
      }
    }
  }
  float* made_bias(std::size_t run) const noexcept { return t_.s.bias + run * t_.sizes.block * made_pitch(); }
  std::size_t made_pitch() const noexcept { return t_.sizes.chunk * v::size; }

  /// Biases of a run of modifiers for row 0 of the block and the keys of a slot; `pitch` floats from row to row.
  const float* bias_of(std::size_t run, std::size_t slot, std::size_t& pitch) const noexcept {
    const float* matrix = t_.a.plan.bias().matrix(run, context_.head);
    if (matrix == nullptr) {
      pitch = made_pitch();
      return made_bias(run) + slot * v::size;
    }
    pitch = t_.a.plan.bias().pitch();
    return matrix + place_.q0 * pitch + t_.s.panel_of[slot] * v::size;
  }

  void score_run(const panel_run& run) const {
    if (t_.in_place) return score_in_place(run);
    std::size_t pitch = 0;
    const float* start = nullptr;
    if constexpr (runs::leading) start = bias_of(0, run.first, pitch);
    Products::template scores<D, runs::leading>(attend_score_job<typename Products::element>{
        queries(), t_.s.keys + run.first * Products::panel_elements(t_.dim()), padded(), run.count, t_.dim(),
        t_.composition().score().scale(context_.head, t_.dim()), start, pitch, scores_ + run.first * v::size, t_.sizes.pitch,
        run.refine ? nullptr : t_.s.row_vectors});
  }

  void score_in_place(const panel_run& run) const {
    const float* packed = t_.s.few_queries + place_.index * place_.count * exact::query_pitch(t_.dim());
    for (std::size_t r = 0; r < place_.count; ++r) {
      v largest = v::load(t_.s.row_vectors + r * v::size);
      for (std::size_t slot = run.first; slot < run.first + run.count; ++slot) {
        const auto* const keys = chunk_.template key_rows<typename Arguments::value_type>() + slot * v::size;
        const auto* const next = slot + 1 < run.first + run.count ? keys + v::size : nullptr;
        v x = scores_in_place<Isa, D>(packed + r * exact::query_pitch(t_.dim()), keys, next, t_.dim());
        if constexpr (runs::leading) {
          std::size_t pitch = 0;
          const float* start = bias_of(0, slot, pitch);
          x = x + v::load(start + r * pitch);
        }
        x.store(scores_ + r * t_.sizes.pitch + slot * v::size);
        largest = max(largest, x);
      }
      if (!run.refine) largest.store(t_.s.row_vectors + r * v::size);
    }
  }

  /// Functions and masks, one vector of stored scores after the other: small code whatever the composition.
  void refine() const {
    if constexpr (state_type::keeps_near) t_.find_near();
    std::array<const float*, modifiers> bias_rows{};
    for (std::size_t r = 0; r < place_.count; ++r) {
      find_bias_rows(r, bias_rows);
      v largest = v::load(t_.s.row_vectors + r * v::size);
      for (std::size_t i = 0; i < run_count_; ++i) {
        const panel_run run = t_.s.runs[i];
        if (!run.refine) continue;
        for (std::size_t slot = run.first; slot < run.first + run.count; ++slot) {
          float* score = scores_ + r * t_.sizes.pitch + slot * v::size;
          const v x = chunk_.exists(slot) ? refined(v::load(score), r, slot, bias_rows) : hidden();
          x.store(score);
          largest = max(largest, x);
        }
      }
      largest.store(t_.s.row_vectors + r * v::size);
    }
  }

  void find_bias_rows(std::size_t r, std::array<const float*, modifiers>& rows) const {
    each_modifier<composition_type>([&](auto i) {
      if constexpr (askable_row<typename composition_type::template modifier_type<i>, context_type>)
        rows[i] = t_.composition().template modifier<i>().row(context_, place_.q0 + r);
    });
  }

  HEDDLE_ALWAYS_INLINE v refined(v score, std::size_t r, std::size_t slot,
                                 const std::array<const float*, modifiers>& bias_rows) const {
    const std::size_t k0 = t_.s.panel_of[slot] * v::size;
    [[maybe_unused]] const v q(static_cast<float>(place_.q0 + r));
    [[maybe_unused]] v k = batch_traits<v>::positions(static_cast<float>(k0));
    // Policies are not asked about keys that are not there.
    if (k0 + v::size > t_.sizes.keys) k = min(k, v(static_cast<float>(t_.sizes.keys - 1)));
    if constexpr (composition_type::modifiers > 0) {
      each_modifier<composition_type>([&](auto i) {
        using modifier = typename composition_type::template modifier_type<i>;
        if constexpr (runs::template is_bias<i>) {
          constexpr std::size_t run = runs::run_of(i);
          if constexpr (runs::begins_run(i) && !(run == 0 && runs::leading)) {
            std::size_t pitch = 0;
            const float* bias = bias_of(run, slot, pitch);
            score = score + v::load(bias + r * pitch);
          }
        } else if constexpr (askable_row<modifier, context_type>) {
          if (bias_rows[i] != nullptr) score = score + load_keys(bias_rows[i], k0);
        } else {
          score = modified<v>(t_.composition().template modifier<i>(), context_, score, q, k);
        }
      });
    }
    if constexpr (elementwise) score = weight<v>(t_.composition().normalizer(), score);
    if constexpr (masked || parts > 1) {
      if (t_.s.ask[slot] != 0) score = select(visible(r, slot, q, k), score, hidden());
    }
    if (t_.s.complete[slot] == 0) score = select(v::load(t_.s.valid + slot * v::size) >= v::zero(), score, hidden());
    return score;
  }

  HEDDLE_ALWAYS_INLINE vec_mask<Isa> visible([[maybe_unused]] std::size_t r, [[maybe_unused]] std::size_t slot, v q,
                                             v k) const {
    if constexpr (state_type::keeps_near) {
      const float* const near = t_.near(place_.q0 + r, t_.s.panel_of[slot]);
      if (near != nullptr) return v::load(near) >= v::zero();
    }
    return chunk_.visible(context_, q, k, place_.part);
  }

  /// The score of a hidden key, or its weight.
  static HEDDLE_ALWAYS_INLINE v hidden() noexcept {
    return elementwise ? v::zero() : v(-std::numeric_limits<float>::infinity());
  }

  v load_keys(const float* row, std::size_t k0) const noexcept {
    const std::size_t left = t_.sizes.keys - k0;
    return left >= v::size ? v::load(row + k0) : v::load_partial(row + k0, left);
  }

  /// Values that are infinite or NaN were packed as 0: they count where their weight is not 0, and nowhere else.
  HEDDLE_COLD void add_tainted() const {
    const std::size_t pitch = Products::out_pitch(t_.dim());
    for (std::size_t i = 0; i < run_count_; ++i) {
      for (std::size_t key = t_.s.runs[i].first * v::size; key < (t_.s.runs[i].first + t_.s.runs[i].count) * v::size; ++key) {
        if (t_.s.tainted[key / v::size] == 0 || !(t_.s.valid[key] >= 0.0F)) continue;
        const auto* row = chunk_.value_row(key);
        for (std::size_t r = 0; r < place_.count; ++r) {
          const float w = Products::weight(scores_ + r * t_.sizes.pitch, key);
          if (w == 0.0F) continue;
          for (std::size_t d = 0; d < t_.dim(); ++d) {
            const auto x = static_cast<float>(row[d]);
            if (!(x - x == 0.0F)) sums()[r * pitch + d] += w * x;
          }
        }
      }
    }
  }
};

}  // namespace heddle::inline v0::detail
