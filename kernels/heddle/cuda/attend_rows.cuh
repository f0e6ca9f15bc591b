/// @file
/// Attention row by row: every composition there is. A block holds the scores of a few queries in global scratch memory and
/// does with them what the definition does, in float. Faster kernels take over the compositions that they know.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include <heddle/core/math.hpp>
#include <heddle/cuda/attend_parameters.cuh>

namespace heddle::inline v0::detail {

/// What one block of the row kernel takes of the scratch, in floats.
struct attend_row_sizes {
  std::size_t rows = 0;   ///< queries at a time
  std::size_t pitch = 0;  ///< from row to row of scores
  std::size_t dim = 0;
  std::size_t staged_keys = 0;  ///< keys that a policy changed
  std::size_t blocks = 0;       ///< that have scratch

  static constexpr std::size_t chunk = 32;  ///< keys at a time

  constexpr explicit attend_row_sizes(const attend_shape& s) noexcept
      : rows(s.keys <= 16384 ? 16 : 4),
        pitch((s.keys + 31) / 32 * 32),
        dim(s.head_dim),
        staged_keys(s.copied_rows ? chunk : 0) {
    constexpr std::size_t most_bytes = std::size_t{64} << 20U;
    constexpr std::size_t most_blocks = 1024;
    const std::size_t n = most_bytes / (floats() * sizeof(float));
    blocks = n == 0 ? 1 : n < most_blocks ? n : most_blocks;
  }

  HEDDLE_HOST_DEVICE constexpr std::size_t query_offset() const noexcept { return rows * pitch; }
  HEDDLE_HOST_DEVICE constexpr std::size_t key_offset() const noexcept { return query_offset() + rows * dim; }
  HEDDLE_HOST_DEVICE constexpr std::size_t token_offset() const noexcept { return key_offset() + staged_keys * dim; }
  /// Tokens are as wide as floats.
  HEDDLE_HOST_DEVICE constexpr std::size_t floats() const noexcept { return (token_offset() + pitch + rows + 63) / 64 * 64; }
  constexpr std::size_t bytes() const noexcept { return blocks * floats() * sizeof(float); }
};

template <class P>
struct attend_row_kernel {
  using composition_type = typename P::composition_type;
  using normalizer_type = typename P::normalizer_type;
  using context_type = typename P::context_type;
  using observer = typename P::observer;
  using problem_type = attend_problem<P>;
  static constexpr unsigned threads = 128;
  static constexpr unsigned warps = threads / device::warp_size;
  static constexpr float hidden = -std::numeric_limits<float>::infinity();
  static constexpr bool copies = copies_rows<composition_type>;
  /// What several queries add to one number is added in one order: where groups share keys by one block, else every block
  /// leaves what its queries add, and `attend_row_importance` adds it up.
  static constexpr bool adds_up = observer::importance && P::keyed;
  static constexpr bool leaves_sums = observer::importance && !P::keyed;

  P p;
  float* scratch;
  attend_row_sizes sizes;
  std::size_t first_item = 0;  ///< of this launch

  HEDDLE_HOST_DEVICE std::size_t row_blocks() const noexcept { return (p.queries + sizes.rows - 1) / sizes.rows; }
  HEDDLE_HOST_DEVICE std::size_t items() const noexcept { return adds_up ? p.batch * p.heads : p.problems() * row_blocks(); }

  HEDDLE_DEVICE void operator()() const {
    const std::size_t per_problem = row_blocks();
    for (std::size_t item = first_item + device::block_index(); item < items();
         item += leaves_sums ? items() : device::grid_size()) {
      if constexpr (adds_up) {
        for (std::size_t g = 0; g < p.groups; ++g) {
          const problem_type problem(p, item / p.heads, g, item % p.heads);
          for (std::size_t i = 0; i < per_problem; ++i) rows(problem, i * sizes.rows);
        }
      } else {
        rows(problem_type::numbered(p, item / per_problem), item % per_problem * sizes.rows);
      }
    }
  }

 private:
  HEDDLE_DEVICE float* mine() const { return scratch + device::block_index() * sizes.floats(); }
  HEDDLE_DEVICE float* scores(std::size_t r) const { return mine() + r * sizes.pitch; }
  HEDDLE_DEVICE float* query_copy(std::size_t r) const { return mine() + sizes.query_offset() + r * sizes.dim; }
  HEDDLE_DEVICE float* key_copy(std::size_t i) const { return mine() + sizes.key_offset() + i * sizes.dim; }
  HEDDLE_DEVICE std::int32_t* key_tokens() const { return reinterpret_cast<std::int32_t*>(mine() + sizes.token_offset()); }
  HEDDLE_DEVICE std::int32_t* query_tokens() const { return key_tokens() + sizes.pitch; }

  /// Queries `q0` and the next ones of a problem.
  HEDDLE_DEVICE void rows(const problem_type& problem, std::size_t q0) const {
    const std::size_t count = p.queries - q0 < sizes.rows ? p.queries - q0 : sizes.rows;
    const context_type c = problem.context();
    for (std::size_t k = device::thread(); k < p.keys; k += threads)
      device::store_global(key_tokens() + k, problem.key_token(k));
    for (std::size_t r = device::thread(); r < count; r += threads)
      device::store_global(query_tokens() + r, problem.query_token(q0 + r));
    device::sync_block();
    load_queries(problem, count);
    device::sync_block();
    find_scores(problem, c, q0, count);
    device::sync_block();
    find_weights(problem, c, q0, count);
    device::sync_block();
    sum_values(problem, count);
    if constexpr (leaves_sums) device::sync_block();  // sums take the place of weights
    if constexpr (observer::weights) observe(problem, q0, count);
    device::sync_block();
  }

  template <class T>
  HEDDLE_DEVICE void copy_row(float* to, const T* from) const {
    for (std::size_t d = 0; d < sizes.dim; ++d) to[d] = static_cast<float>(device::load_global(from + d));
  }

  HEDDLE_DEVICE void load_queries(const problem_type& problem, std::size_t count) const {
    if constexpr (copies) {
      for (std::size_t r = device::thread(); r < count; r += threads) {
        const std::int32_t token = device::load_global(query_tokens() + r);
        if (token < 0) continue;
        copy_row(query_copy(r), problem.query(problem.row(r, token)));
        change_row(p.composition, query_copy(r), sizes.dim, problem.head(), static_cast<std::size_t>(token), row_role::query);
      }
    } else {
      for (std::size_t i = device::thread(); i < count * sizes.dim; i += threads) {
        const std::size_t r = i / sizes.dim;
        const std::int32_t token = device::load_global(query_tokens() + r);
        const float x =
            token < 0 ? 0.0F : static_cast<float>(device::load_global(problem.query(problem.row(r, token)) + i % sizes.dim));
        device::store_global(query_copy(0) + i, x);
      }
    }
  }

  HEDDLE_DEVICE void find_scores(const problem_type& problem, const context_type& c, std::size_t q0, std::size_t count) const {
    const effective_mask<composition_type> mask(p.composition);
    const float scale = problem.scale();
    for (std::size_t k0 = 0; k0 < p.keys; k0 += attend_row_sizes::chunk) {
      const std::size_t k1 = k0 + attend_row_sizes::chunk < p.keys ? k0 + attend_row_sizes::chunk : p.keys;
      const tile seen = mask.classify(c, q0, q0 + count, k0, k1);
      const std::size_t k = k0 + device::lane();
      const std::int32_t token = k < k1 ? device::load_global(key_tokens() + k) : -1;
      if constexpr (copies) {
        device::sync_block();
        if (device::warp() == 0 && token >= 0 && seen != tile::skip) {
          float* const copy = key_copy(device::lane());
          copy_row(copy, problem.key(problem.row(k, token)));
          change_row(p.composition, copy, sizes.dim, problem.key_head(), static_cast<std::size_t>(token), row_role::key);
        }
        device::sync_block();
      }
      if (k >= k1) continue;
      for (std::size_t r = device::warp(); r < count; r += warps) {
        const std::size_t q = q0 + r;
        bool visible = seen != tile::skip && token >= 0 && device::load_global(query_tokens() + r) >= 0;
        if (visible && seen == tile::partial) visible = mask(c, static_cast<float>(q), static_cast<float>(k));
        device::store_global(scores(r) + k, visible ? problem.score(c, scale * product(problem, r, k, token), q, k) : hidden);
      }
    }
  }

  HEDDLE_DEVICE float product(const problem_type& problem, std::size_t r, std::size_t k, std::int32_t token) const {
    const float* const query = query_copy(r);
    float sum = 0.0F;
    if constexpr (copies) {
      const float* const key = key_copy(device::lane());
      for (std::size_t d = 0; d < sizes.dim; ++d) sum += device::load_global(query + d) * device::load_global(key + d);
    } else {
      const auto* const key = problem.key(problem.row(k, token));
      for (std::size_t d = 0; d < sizes.dim; ++d)
        sum += device::load_global(query + d) * static_cast<float>(device::load_global(key + d));
    }
    return sum;
  }

  /// Turns scores into final weights; what is hidden stays -inf.
  HEDDLE_DEVICE void find_weights(const problem_type& problem, const context_type& c, std::size_t q0, std::size_t count) const {
    if constexpr (normalizer_type::kind == normalizer_kind::whole_row) {
      // The policy takes a whole row: one thread for each.
      for (std::size_t r = device::thread(); r < count; r += threads)
        if (device::load_global(query_tokens() + r) >= 0) weigh_row(c, q0 + r, scores(r));
    } else {
      for (std::size_t r = device::warp(); r < count; r += warps) {
        const std::int32_t token = device::load_global(query_tokens() + r);
        if (token < 0) continue;  // the same for all lanes
        const float lse = weigh(c, q0 + r, scores(r));
        if constexpr (observer::logsumexp) {
          if (device::lane() == 0)
            device::store_global(&p.outputs.logsumexp(problem.batch(), problem.head(), problem.row(q0 + r, token)), lse);
        }
      }
    }
  }

  HEDDLE_DEVICE void weigh_row(const context_type& c, std::size_t q, float* row) const {
    bool any = false;
    for (std::size_t k = 0; k < p.keys; ++k) any = any || row[k] != hidden;
    if (!any) return;
    const float sum = p.composition.normalizer().weigh(c, q, row, p.keys);
    for (std::size_t k = 0; k < p.keys; ++k) row[k] = row[k] == 0.0F ? hidden : row[k] / sum;  // not chosen: not read either
  }

  /// The weights of a row that a warp makes together; returns the logsumexp.
  HEDDLE_DEVICE float weigh(const context_type& c, std::size_t q, float* row) const {
    const auto& normalizer = p.composition.normalizer();
    if constexpr (normalizer_type::kind == normalizer_kind::elementwise) {
      each_visible(
          row, [](std::size_t) { return true; },
          [&](std::size_t k, float s) { device::store_global(row + k, heddle::detail::weight<float>(normalizer, s)); });
      return hidden;
    } else if constexpr (normalizer_parts<normalizer_type> == 2) {
      const auto part = [&](std::size_t number) {
        return [&, number](std::size_t k) { return static_cast<bool>(normalizer.in_part(c, static_cast<float>(k), number)); };
      };
      const float first = exponentials(c, row, part(0));
      const float second = exponentials(c, row, part(1));
      const float share = normalizer.share(c, q, first, second);
      each_visible(
          row, [](std::size_t) { return true; },
          [&](std::size_t k, float w) {
            const float factor = part(1)(k) ? share : 1.0F - share;
            device::store_global(row + k, factor == 0.0F ? hidden : w * factor);  // a part that is left out is not read
          });
      const float high = first > second ? first : second;
      return high == hidden ? hidden : high + math::log(math::exp(first - high) + math::exp(second - high));
    } else {
      return exponentials(c, row, [](std::size_t) { return true; });
    }
  }

  /// `f(k, score)` for the keys of this lane that are visible and that `in` names.
  template <class In, class F>
  HEDDLE_DEVICE void each_visible(const float* row, const In& in, const F& f) const {
    for (std::size_t k = device::lane(); k < p.keys; k += device::warp_size) {
      const float s = device::load_global(row + k);
      if (s != hidden && in(k)) f(k, s);
    }
  }

  /// Softmax over the visible keys that `in` names, and over the virtual key of the normalizer; returns its logsumexp.
  template <class In>
  HEDDLE_DEVICE float exponentials(const context_type& c, float* row, const In& in) const {
    float largest = hidden;
    float nan = 0.0F;
    each_visible(row, in, [&](std::size_t, float s) {
      nan = s != s ? 1.0F : nan;
      largest = s > largest ? s : largest;
    });
    largest = device::warp_max(largest);
    nan = device::warp_max(nan);
    [[maybe_unused]] float virtual_key = hidden;
    if constexpr (initial_score<normalizer_type>) {
      virtual_key = p.composition.normalizer().initial_score(c.head);
      if (virtual_key > largest) largest = virtual_key;
    }
    float sum = 0.0F;
    each_visible(row, in, [&](std::size_t k, float s) {
      const float e = math::exp(s - largest);
      device::store_global(row + k, e);
      sum += e;
    });
    sum = device::warp_sum(sum);
    if constexpr (initial_score<normalizer_type>) {
      if (largest > hidden) sum += math::exp(virtual_key - largest);
    }
    each_visible(row, in, [&](std::size_t k, float e) { device::store_global(row + k, e / sum); });
    return sum > 0.0F || nan != 0.0F ? largest + math::log(sum) : hidden;
  }

  HEDDLE_DEVICE void sum_values(const problem_type& problem, std::size_t count) const {
    for (std::size_t i = device::thread(); i < count * sizes.dim; i += threads) {
      const std::size_t r = i / sizes.dim;
      const std::size_t d = i % sizes.dim;
      const std::int32_t query = device::load_global(query_tokens() + r);
      if (query < 0) continue;
      const float* const weights = scores(r);
      float sum = 0.0F;
      for (std::size_t k = 0; k < p.keys; ++k) {
        const float w = device::load_global(weights + k);
        if (w == hidden) continue;
        const std::int32_t token = device::load_global(key_tokens() + k);
        sum += w * static_cast<float>(device::load_global(problem.value(problem.row(k, token)) + d));
      }
      device::store_global(problem.output(problem.row(r, query)) + d, static_cast<typename P::output_type>(sum));
    }
  }

  HEDDLE_DEVICE void observe(const problem_type& problem, std::size_t q0, std::size_t count) const {
    const attend_outputs& o = p.outputs;
    [[maybe_unused]] float equal_weight = 0.0F;
    if constexpr (observer::importance) {
      if (o.row_weights.data_handle() == nullptr) equal_weight = 1.0F / problem.queries_present();
    }
    for (std::size_t k = device::thread(); k < p.keys; k += threads) {
      const std::int32_t token = device::load_global(key_tokens() + k);
      if (token < 0) continue;
      const std::size_t key = problem.row(k, token);
      [[maybe_unused]] float added = 0.0F;
      for (std::size_t r = 0; r < count; ++r) {
        const float w = device::load_global(scores(r) + k);
        const std::int32_t query = device::load_global(query_tokens() + r);
        if (w == hidden || query < 0) continue;
        if constexpr (observer::class_row) {
          if (q0 + r == 0) device::store_global(&o.class_row(problem.batch(), problem.head(), key), w);
        }
        if constexpr (observer::probabilities)
          device::store_global(&o.probabilities(problem.batch(), problem.head() * p.groups + problem.group(), q0 + r, k), w);
        if constexpr (observer::importance) {
          const bool equal = o.row_weights.data_handle() == nullptr;
          added +=
              w * (equal ? equal_weight
                         : device::load_global(&o.row_weights(problem.batch(), problem.head(), problem.row(q0 + r, query))));
        }
      }
      if constexpr (leaves_sums) {
        device::store_global(scores(0) + k, added);  // nobody else reads this column
      } else if constexpr (observer::importance) {
        float* const sum = &o.importance(problem.batch(), problem.head(), key);
        device::store_global(sum, device::load_global(sum) + added);
      }
    }
  }
};

/// Adds what the blocks of one launch left to the importance of the keys, block after block of the same problem.
template <class P>
struct attend_row_importance {
  static constexpr unsigned threads = 128;
  attend_row_kernel<P> rows;
  std::size_t count;  ///< items of the launch

  HEDDLE_HOST_DEVICE std::size_t first_problem() const noexcept { return rows.first_item / rows.row_blocks(); }
  HEDDLE_HOST_DEVICE std::size_t problems() const noexcept {
    return (rows.first_item + count - 1) / rows.row_blocks() + 1 - first_problem();
  }

  HEDDLE_DEVICE void operator()() const {
    const std::size_t keys = rows.p.keys;
    const std::size_t step = static_cast<std::size_t>(device::grid_size()) * threads;
    for (std::size_t i = static_cast<std::size_t>(device::block_index()) * threads + device::thread(); i < problems() * keys;
         i += step) {
      const std::size_t number = first_problem() + i / keys;
      const std::size_t k = i % keys;
      const auto problem = attend_problem<P>::numbered(rows.p, number);
      const std::int32_t token = problem.key_token(k);
      if (token < 0) continue;
      const std::size_t begin = number * rows.row_blocks();
      const std::size_t end = begin + rows.row_blocks();
      const std::size_t last = rows.first_item + count;
      float sum = 0.0F;
      for (std::size_t item = begin < rows.first_item ? rows.first_item : begin; item < (end < last ? end : last); ++item)
        sum += device::load_global(rows.scratch + (item - rows.first_item) * rows.sizes.floats() + k);
      float* const to = &rows.p.outputs.importance(problem.batch(), problem.head(), problem.row(k, token));
      device::store_global(to, device::load_global(to) + sum);
    }
  }
};

}  // namespace heddle::inline v0::detail
