/// @file
/// One block of queries against the keys of its group: which panels it sees, their scores, weights and weighted sums.
#pragma once

#include <array>
#include <cmath>
#include <limits>

#include <heddle/simd/attend_batch.hpp>
#include <heddle/simd/attend_pack.hpp>
#include <heddle/simd/attend_scratch.hpp>

namespace heddle::inline v0::detail {

/// A packed problem (batch item, group, head) and the passes over it.
template <class Isa, class Composition, std::size_t HeadDim>
class attend_problem {
  using v = vec<Isa>;
  using runs = bias_runs<Composition>;
  using context_type = group_context<typename Composition::map_type>;
  static constexpr std::size_t rows = attend_tile<Isa>::rows;
  static constexpr std::size_t columns = attend_tile<Isa>::columns;
  static constexpr bool masked = !std::is_same_v<typename Composition::mask_type, full>;
  /// Something is done to scores besides the first run of biases.
  static constexpr bool functions = Composition::modifiers > 0 && !(runs::only && runs::count == 1);

  const Composition& composition_;
  const expanded_bias<Composition>& bias_;
  const attend_sizes<Isa>& sizes_;
  const attend_scratch<Isa>& s_;
  context_type context_;
  // For the present block:
  std::size_t q0_ = 0;
  std::size_t count_ = 0;
  std::size_t run_count_ = 0;
  std::array<const float*, runs::count == 0 ? 1 : runs::count> bias_rows_{};

 public:
  attend_problem(const Composition& c, const expanded_bias<Composition>& bias, const attend_sizes<Isa>& sizes,
                 const attend_scratch<Isa>& scratch, const context_type& context)
      : composition_(c), bias_(bias), sizes_(sizes), s_(scratch), context_(context) {}

  /// Queries `[q0, q1)`: unnormalised sums in `scratch.sums`, statistics in `scratch.rows`. False: they see nothing.
  template <class Source>
  bool run(const Source& queries, float scale, std::size_t q0, std::size_t q1) {
    q0_ = q0;
    count_ = q1 - q0;
    pack_rows<Isa, HeadDim, false>(queries, q0, count_, sizes_.head_dim, scale, s_.queries, sizes_.value_pitch);
    for (float* p = s_.queries + count_ * sizes_.value_pitch; p < s_.queries + padded() * sizes_.value_pitch; ++p) *p = 0.0F;
    find_bias_rows();
    bool first = true;
    for (std::size_t panel = 0; panel < sizes_.panels; panel += sizes_.chunk_panels) {
      const std::size_t end = panel + sizes_.chunk_panels < sizes_.panels ? panel + sizes_.chunk_panels : sizes_.panels;
      find_runs(panel, end);
      if (run_count_ == 0) continue;
      scores(panel);
      softmax_block<Isa>(s_.scores, sizes_.pitch, count_, s_.runs, run_count_, s_.row_vectors, s_.rows, first);
      weighted_sums(panel, first);
      first = false;
    }
    return !first;
  }

 private:
  /// Rows of the block in whole tiles.
  std::size_t padded() const noexcept { return (count_ + rows - 1) / rows * rows; }

  void find_bias_rows() {
    for (std::size_t run = 0; run < runs::count; ++run) {
      const float* matrix = bias_.matrix(run, context_.head);
      if (matrix != nullptr) {
        bias_rows_[run] = matrix + q0_ * bias_.pitch();
      } else {
        float* made = s_.bias + run * sizes_.block_rows * bias_.pitch();
        bias_.rows(run, context_.head, q0_, q0_ + count_, made);
        bias_rows_[run] = made;
      }
    }
  }

  /// The panels of `[panel, end)` that the block sees, as runs counted from `panel`.
  void find_runs(std::size_t panel, std::size_t end) {
    run_count_ = 0;
    for (std::size_t p = panel; p < end; ++p) {
      const std::size_t k0 = p * v::size;
      const std::size_t k1 = k0 + v::size < sizes_.keys ? k0 + v::size : sizes_.keys;
      tile t = tile::full;
      if constexpr (masked) t = classify(composition_.mask(), context_, q0_, q0_ + count_, k0, k1);
      if (t == tile::skip) continue;
      s_.ask[p] = t == tile::partial ? 1 : 0;
      const bool refine = functions || t == tile::partial || s_.complete[p] == 0;
      if (run_count_ > 0) {
        panel_run& last = s_.runs[run_count_ - 1];
        if (last.refine == refine && last.first + last.count == p - panel) {
          ++last.count;
          continue;
        }
      }
      s_.runs[run_count_++] = {p - panel, 1, refine};
    }
  }

  void scores(std::size_t panel) {
    const std::size_t vectors = (count_ + v::size - 1) / v::size * v::size;
    for (std::size_t r = 0; r < (vectors > padded() ? vectors : padded()); ++r) v(lowest_score).store(s_.row_vectors + r * v::size);
    bool refined = false;
    for (std::size_t i = 0; i < run_count_; ++i) {
      const panel_run run = s_.runs[i];
      refined = refined || run.refine;
      each_piece<columns>(run.count, [&](auto n, std::size_t first) {
        if (run.refine) {
          score_piece<n, maxima::none>(panel, run.first + first);
        } else {
          score_piece<n, maxima::by_row>(panel, run.first + first);
        }
      });
    }
    if (refined) refine(panel);
  }

  /// `Columns` panels from `first` (counted from `panel`) for all rows of the block: the keys stay in the first cache.
  template <std::size_t Columns, maxima Maxima>
  void score_piece(std::size_t panel, std::size_t first) {
    const float* keys = s_.keys + (panel + first) * sizes_.head_dim * v::size;
    const float* start = runs::leading ? bias_rows_[0] + (panel + first) * v::size : nullptr;
    for (std::size_t r = 0; r < padded(); r += rows) {
      score_tile<Isa, rows, Columns, HeadDim, runs::leading, Maxima>(
          s_.queries + r * sizes_.value_pitch, sizes_.value_pitch, keys, sizes_.head_dim,
          runs::leading ? start + r * bias_.pitch() : nullptr, bias_.pitch(), s_.scores + r * sizes_.pitch + first * v::size,
          sizes_.pitch, s_.row_vectors + r * v::size);
    }
  }

  /// Functions and masks, one vector of stored scores after the other: small code whatever the composition.
  void refine(std::size_t panel) {
    for (std::size_t r = 0; r < count_; ++r) {
      v largest = v::load(s_.row_vectors + r * v::size);
      for (std::size_t i = 0; i < run_count_; ++i) {
        if (!s_.runs[i].refine) continue;
        for (std::size_t p = s_.runs[i].first; p < s_.runs[i].first + s_.runs[i].count; ++p) {
          float* score = s_.scores + r * sizes_.pitch + p * v::size;
          const v x = refined(v::load(score), r, panel + p);
          x.store(score);
          largest = max(largest, x);
        }
      }
      largest.store(s_.row_vectors + r * v::size);
    }
  }

  HEDDLE_ALWAYS_INLINE v refined(v score, std::size_t r, std::size_t panel) const {
    [[maybe_unused]] const v q(static_cast<float>(q0_ + r));
    [[maybe_unused]] const v k = batch_traits<v>::positions(static_cast<float>(panel * v::size));
    const v hidden(-std::numeric_limits<float>::infinity());
    if constexpr (functions) {
      each_modifier<Composition>([&](auto i) {
        constexpr std::size_t run = runs::template is_bias<i> ? runs::run_of(i) : 0;
        if constexpr (!runs::template is_bias<i>) {
          score = modified<v>(composition_.template modifier<i>(), score, context_.head, q, k);
        } else if constexpr (runs::begins_run(i) && !(run == 0 && runs::leading)) {
          score = score + v::load(bias_rows_[run] + r * bias_.pitch() + panel * v::size);
        }
      });
    }
    if constexpr (masked) {
      if (s_.ask[panel] != 0) score = select(visible<v>(composition_.mask(), context_, q, k), score, hidden);
    }
    if (s_.complete[panel] == 0) score = select(v::load(s_.valid + panel * v::size) >= v::zero(), score, hidden);
    return score;
  }

  void weighted_sums(std::size_t panel, bool first) {
    const std::size_t vectors = sizes_.value_pitch / v::size;
    const float* values = s_.values + panel * v::size * sizes_.value_pitch;
    each_piece<columns>(vectors, [&](auto n, std::size_t j) {
      for (std::size_t r = 0; r < padded(); r += rows) {
        const float* weights = s_.scores + r * sizes_.pitch;
        float* out = s_.sums + r * sizes_.value_pitch + j * v::size;
        if (first) {
          value_tile<Isa, rows, n, false>(weights, sizes_.pitch, values + j * v::size, sizes_.value_pitch, s_.runs, run_count_, nullptr,
                                          out, sizes_.value_pitch);
        } else {
          value_tile<Isa, rows, n, true>(weights, sizes_.pitch, values + j * v::size, sizes_.value_pitch, s_.runs, run_count_,
                                         s_.rows.factor + r, out, sizes_.value_pitch);
        }
      }
    });
  }
};

}  // namespace heddle::inline v0::detail
