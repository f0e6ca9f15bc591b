/// @file
/// What is left of a block of queries when it has met all its keys: the last factors, the outputs, the observers.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>

#include <heddle/simd/attend_block.hpp>

namespace heddle::inline v0::detail {

template <class Isa, class Products, class Arguments>
class attend_finish {
  using v = vec<Isa>;
  using state_type = attend_state<Isa, Products, Arguments>;
  using composition_type = typename state_type::composition_type;
  using context_type = typename state_type::context_type;
  using normalizer_type = typename state_type::normalizer_type;
  using observer = observed<typename composition_type::observer_type>;
  using output_type = typename Arguments::output_type;
  static constexpr std::size_t parts = normalizer_parts<normalizer_type>;
  static constexpr bool exponential = normalizer_type::kind == normalizer_kind::exponential;

  const state_type& t_;
  const token_range& tokens_;
  context_type context_;
  attend_place place_;

 public:
  attend_finish(const state_type& t, const token_range& tokens, std::size_t head, const attend_place& place)
      : t_(t), tokens_(tokens), context_(t.context), place_(place) {
    context_.head = head;
  }

  /// Writes the outputs and the logsumexp; leaves the factors of weights in `scratch.inverse`.
  void run() const {
    find_factors();
    for (std::size_t r = 0; r < place_.count; ++r)
      if (tokens_.present(place_.q0 + r)) store(r);
  }

  /// The factors alone.
  void find_factors() const {
    alignas(64) float lse[2][64] = {};
    static_assert(attend_sizes<Products>::block_lanes <= 64);
    for (std::size_t part = 0; part < parts; ++part)
      for (std::size_t r = 0; r < place_.count; ++r) lse[part][r] = find_factor(part, r);
    if constexpr (parts == 2) {
      for (std::size_t r = 0; r < place_.count; ++r) {
        if (!tokens_.present(place_.q0 + r)) continue;
        const float share = t_.composition().normalizer().share(context_, place_.q0 + r, lse[0][r], lse[1][r]);
        t_.s.inverse[r] = mixed(t_.s.inverse[r], 1.0F - share);
        t_.s.inverse[t_.sizes.block_lanes + r] = mixed(t_.s.inverse[t_.sizes.block_lanes + r], share);
        lse[0][r] = added(lse[0][r], lse[1][r]);
      }
    }
    if constexpr (observer::logsumexp) {
      for (std::size_t r = 0; r < place_.count; ++r)
        if (tokens_.present(place_.q0 + r)) t_.a.outputs.logsumexp(t_.view_batch, context_.head, row_of(r)) = lse[0][r];
    }
  }

  /// What weights of row r are multiplied with to be final.
  float factor(std::size_t part, std::size_t r) const noexcept { return t_.s.inverse[part * t_.sizes.block_lanes + r]; }

  /// Adds the weights of a chunk, in `scratch.scores`, to what the observers return.
  void observe(const attend_chunk<Isa, Products, Arguments>& chunk, const attend_block<Isa, Products, Arguments>& block) const {
    const row_factors factors = importance_factors();
    for (std::size_t i = 0; i < block.run_count(); ++i) {
      const panel_run run = t_.s.runs[i];
      for (std::size_t slot = run.first; slot < run.first + run.count; ++slot)
        if (chunk.exists(slot)) observe_panel(t_.s.panel_of[slot], slot, t_.s.scores + slot * v::size, factors);
    }
  }

  /// The keys of a panel, whose weights are at `weights`, `[count, pitch]`.
  void observe_panel(std::size_t panel, std::size_t slot, const float* weights) const {
    observe_panel(panel, slot, weights, importance_factors());
  }

 private:
  /// What importance multiplies the weights of each row with; 0 for rows that are not there.
  struct row_factors {
    float of[64];
  };
  row_factors importance_factors() const {
    row_factors f;
    if constexpr (observer::importance) {
      for (std::size_t r = 0; r < place_.count; ++r)
        f.of[r] = tokens_.present(place_.q0 + r) ? row_weight(r) * factor(place_.part, r) : 0.0F;
    }
    return f;
  }

  void observe_panel(std::size_t panel, std::size_t slot, const float* weights, const row_factors& factors) const {
    const token_range keys = t_.keys(panel, slot);
    if constexpr (observer::importance && !observer::class_row && !observer::probabilities)
      return add_columns(panel, keys, weights, factors);
    for (std::size_t i = 0; i < t_.keys_of(panel); ++i) {
      const std::size_t k = panel * v::size + i;
      if (keys.present(k)) observe_key(k, t_.local ? k : keys.token(k), weights + i);
    }
  }

  /// Sums of columns alone: all keys of a panel at once.
  void add_columns(std::size_t panel, const token_range& keys, const float* weights, const row_factors& factors) const {
    v sum = v::zero();
    for (std::size_t r = 0; r < place_.count; ++r)
      if (factors.of[r] != 0.0F) sum = fma(v(factors.of[r]), v::load(weights + r * t_.sizes.pitch), sum);
    alignas(64) float sums[v::size];
    sum.store(sums);
    const head_rows<float>& importance = t_.a.outputs.importance;
    for (std::size_t i = 0; i < t_.keys_of(panel); ++i) {
      const std::size_t k = panel * v::size + i;
      if (keys.present(k)) importance(t_.view_batch, context_.head, t_.local ? k : keys.token(k)) += sums[i];
    }
  }

  std::size_t index(std::size_t part) const noexcept { return part * t_.sizes.blocks + place_.index; }

  /// The logsumexp of a part.
  float find_factor(std::size_t part, std::size_t r) const {
    constexpr float none = -std::numeric_limits<float>::infinity();
    float& inverse = t_.s.inverse[part * t_.sizes.block_lanes + r];
    const bool seen = t_.s.seen[index(part)] != 0;
    if constexpr (!exponential) {
      inverse = seen ? 1.0F : 0.0F;
      return none;
    } else {
      const std::size_t at = index(part) * t_.sizes.block_lanes + r;
      float sum = seen ? t_.s.rows.sum[at] : 0.0F;
      float largest = seen ? t_.s.rows.largest[at] : lowest_score;
      inverse = sum == 0.0F ? 0.0F : 1.0F / sum;
      if constexpr (initial_score<normalizer_type>) {
        const float first = t_.composition().normalizer().initial_score(context_.head);
        if (first != none) {
          const float high = sum == 0.0F || first > largest ? first : largest;
          const float old = sum == 0.0F ? 0.0F : std::exp(largest - high);
          sum = sum * old + std::exp(first - high);
          largest = high;
          inverse = old / sum;
        }
      }
      if constexpr (observer::logsumexp || parts > 1) return sum == 0.0F ? none : largest + std::log(sum);
      return none;
    }
  }

  /// A part that is left out takes no part, whatever its values are.
  static float mixed(float inverse, float share) noexcept { return share == 0.0F ? 0.0F : inverse * share; }
  static float added(float a, float b) noexcept {
    const float high = a > b ? a : b;
    if (high == -std::numeric_limits<float>::infinity()) return high;
    return high + std::log(std::exp(a - high) + std::exp(b - high));
  }

  std::size_t row_of(std::size_t r) const noexcept { return t_.output_row(tokens_, place_.q0 + r); }

  void store(std::size_t r) const {
    const std::size_t pitch = Products::out_pitch(t_.dim());
    const std::size_t dim = t_.dim();
    output_type* out = &t_.a.out(t_.view_batch, context_.head, row_of(r), 0);
    const float* sums = t_.s.sums + (index(0) * t_.sizes.block + r) * pitch;
    [[maybe_unused]] const float* other = t_.s.sums + (index(parts - 1) * t_.sizes.block + r) * pitch;
    const v f(factor(0, r));
    const bool any = factor(0, r) != 0.0F;
    for (std::size_t d = 0; d < dim; d += v::size) {
      v y = any ? v::load(sums + d) * f : v::zero();
      if constexpr (parts == 2) {
        if (factor(1, r) != 0.0F) y = fma(v::load(other + d), v(factor(1, r)), y);
      }
      store_part<Isa>(out, d, dim, y);
    }
  }

  void observe_key(std::size_t k, std::size_t token, const float* weights) const {
    const attend_outputs& o = t_.a.outputs;
    float sum = 0.0F;
    for (std::size_t r = 0; r < place_.count; ++r) {
      const float w = weights[r * t_.sizes.pitch];
      const std::size_t q = place_.q0 + r;
      if (w == 0.0F || !tokens_.present(q)) continue;
      const float p = w * factor(place_.part, r);
      if constexpr (observer::class_row) {
        if (q == 0) o.class_row(t_.view_batch, context_.head, token) = p;
      }
      if constexpr (observer::probabilities)
        o.probabilities(t_.view_batch, context_.head * t_.a.plan.map().groups() + context_.group, q, k) = p;
      if constexpr (observer::importance) sum += row_weight(r) * p;
    }
    if constexpr (observer::importance) o.importance(t_.view_batch, context_.head, token) += sum;
  }

  float row_weight(std::size_t r) const {
    const head_rows<const float>& w = t_.a.outputs.row_weights;
    return w.data_handle() != nullptr ? w(t_.view_batch, context_.head, row_of(r)) : t_.importance_weight;
  }
};

}  // namespace heddle::inline v0::detail
