/// @file
/// `inverse_cdf`: positions picked by inverse transform sampling of a row of scores.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "../../backend/tags.hpp"
#include "../../core/context.hpp"
#include "../../core/math.hpp"

namespace heddle::inline v0 {

namespace op {
/// Tag of `heddle::inverse_cdf`.
struct inverse_cdf {};
}  // namespace op

/// Options of `inverse_cdf`.
struct inverse_cdf_options {
  std::size_t points = 0;  ///< where the distribution is read backwards
  bool from_zero = false;  ///< it begins at 0, not at the lowest score: `F_t = c_t / c_last`
};

/// What `inverse_cdf` found on its way, for pictures and tests: spans stay empty or have the length that is said.
struct inverse_cdf_trace {
  std::span<std::int32_t> order{};  ///< `[scores]` positions by ascending score
  std::span<float> distribution{};  ///< `[scores]` F at those positions
  std::span<float> points{};        ///< `[points]` where F is read backwards
};

namespace detail {

/// A score that takes part in the distribution: what is negative, infinite or not a number counts as zero.
HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE constexpr float sampled_score(float score) noexcept {
  return score > 0.0F && score <= 3.402823466e+38F ? score : 0.0F;
}

/// Point `k` of `points`: equally spaced from `first` to 1.
HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE constexpr float sample_point(float first, std::size_t k, std::size_t points) noexcept {
  if (points == 1) return first;
  const auto step = static_cast<float>(k);
  return first + (step - math::product(first, step)) / static_cast<float>(points - 1);
}

template <class Backend>
void show_inverse_cdf(const std::int32_t* order, const float* distribution, std::size_t n, const inverse_cdf_trace& trace) {
  if (!trace.order.empty()) std::copy(order, order + n, trace.order.begin());
  if (!trace.distribution.empty()) std::copy(distribution, distribution + n, trace.distribution.begin());
  if (trace.points.empty()) return;
  const float* const first = std::find_if(distribution, distribution + n, [](float f) { return f > 0.0F; });
  const std::size_t points = trace.points.size();
  for (std::size_t k = 0; k < points; ++k) trace.points[k] = sample_point(first == distribution + n ? 1.0F : *first, k, points);
}

}  // namespace detail

/// Positions that `inverse_cdf` can pick at most.
constexpr std::size_t inverse_cdf_limit(std::size_t scores, std::size_t points) noexcept { return std::min(scores, points); }

/// Scratch of `inverse_cdf` for so many scores.
template <class Backend>
constexpr std::size_t inverse_cdf_bytes(const Backend&, std::size_t scores) noexcept {
  return scratch_bytes<std::int32_t>(scores) + scratch_bytes<float>(scores) + kernel<op::inverse_cdf, Backend>::bytes(scores);
}

/// Inverse transform sampling without chance (Fayyaz et al., ECCV 2022, section 3.3): the scores in ascending order have the
/// running sums `c_t` and the distribution `F_t = (c_t - c_1) / (c_last - c_1)`; `points` numbers `y_k`, equally spaced from
/// the smallest `F_t` above 0 up to 1, each pick the `t` whose `F_t` is nearest (the first of several). What is picked
/// more than once is kept once: where the scores are concentrated, few positions remain.
///
/// A position of score 0 is never picked, nor is the lowest of all unless the distribution begins `from_zero` (as if there
/// were one more score, of 0). Equal scores are ordered by position. Where the scores
/// tell nothing apart (all zero, or only one), the last in order is picked.
/// @param scores  `[n]`, not negative; their sum is of no importance
/// @param picked  at least `inverse_cdf_limit` long; receives the positions in ascending order of their scores
/// @returns how many were picked; on a device the rest of `inverse_cdf_limit` places is -1, and the call waits for the count
/// @throws shape_error, workspace_error before any work
template <class Backend>
std::size_t inverse_cdf(context<Backend> ctx, std::span<const float> scores, const inverse_cdf_options& options,
                        std::span<std::int32_t> picked, const inverse_cdf_trace& trace = {}) {
  const std::size_t n = scores.size();
  const std::size_t points = options.points;
  if (picked.size() < inverse_cdf_limit(n, points))
    detail::raise_shape("inverse_cdf: picked", "positions at least", inverse_cdf_limit(n, points), picked.size());
  if (!trace.order.empty()) require_extent("inverse_cdf: order", "scores", n, trace.order.size());
  if (!trace.distribution.empty()) require_extent("inverse_cdf: distribution", "scores", n, trace.distribution.size());
  if (!trace.points.empty()) require_extent("inverse_cdf: points", "points", points, trace.points.size());
  const std::size_t needed = inverse_cdf_bytes(ctx.backend, n);
  if (needed > ctx.scratch.remaining()) arena::too_small(needed, ctx.scratch.remaining());
  if (n == 0 || points == 0) return 0;
  auto* const order = ctx.scratch.template take<std::int32_t>(n);
  auto* const distribution = ctx.scratch.template take<float>(n);
  using implementation = kernel<op::inverse_cdf, Backend>;
  if constexpr (requires { implementation::run(ctx, scores, options, order, distribution, picked, trace); }) {
    return implementation::run(ctx, scores, options, order, distribution, picked, trace);  // where the memory is
  } else {
    const std::size_t count = implementation::run(ctx.scratch, scores, options, order, distribution, picked.data());
    detail::show_inverse_cdf<Backend>(order, distribution, n, trace);
    return count;
  }
}

/// One of the rows of `inverse_cdf_rows`.
struct inverse_cdf_row {
  std::int32_t scores = 0;     ///< how many of the row there are
  std::int32_t from_zero = 0;  ///< not 0: as `inverse_cdf_options::from_zero`
};

/// Scratch of `inverse_cdf_rows` for rows of so many scores.
template <class Backend>
constexpr std::size_t inverse_cdf_rows_bytes(const Backend& backend, std::size_t rows, std::size_t scores) noexcept {
  if constexpr (prefers_whole_maps<Backend>) {
    return kernel<op::inverse_cdf, Backend>::bytes_of_rows(rows, scores);
  } else {
    return inverse_cdf_bytes(backend, scores);
  }
}

/// `inverse_cdf` of many rows, whose lengths and numbers of picks stay where the backend has its memory: nobody waits for them.
/// @param scores  `[rows, n]`: of each row as many as `rows[r]` says, what lies behind is not read
/// @param picked  `[rows, inverse_cdf_limit(n, points)]`: positions in ascending order of their scores, then -1
/// @param counts  `[rows]`: how many were picked
/// @param trace   what was found on the way: `[rows * n]`, `[rows * n]` and `[rows * points]`
/// @throws shape_error, workspace_error before any work
template <class Backend>
void inverse_cdf_rows(context<Backend> ctx, matrix_view<const float> scores, std::span<const inverse_cdf_row> rows,
                      std::size_t points, matrix_view<std::int32_t> picked, std::span<std::int32_t> counts,
                      const inverse_cdf_trace& trace = {}) {
  const std::size_t n = scores.extent(1);
  const std::size_t most = inverse_cdf_limit(n, points);
  require_extent("inverse_cdf_rows: rows", "rows", scores.extent(0), rows.size());
  require_extent("inverse_cdf_rows: counts", "rows", rows.size(), counts.size());
  require_extent("inverse_cdf_rows: picked", "rows", rows.size(), picked.extent(0));
  require_extent("inverse_cdf_rows: picked", "positions", most, picked.extent(1));
  if (!trace.order.empty()) require_extent("inverse_cdf_rows: order", "scores", rows.size() * n, trace.order.size());
  if (!trace.distribution.empty())
    require_extent("inverse_cdf_rows: distribution", "scores", rows.size() * n, trace.distribution.size());
  if (!trace.points.empty()) require_extent("inverse_cdf_rows: points", "points", rows.size() * points, trace.points.size());
  const std::size_t needed = inverse_cdf_rows_bytes(ctx.backend, rows.size(), n);
  if (needed > ctx.scratch.remaining()) arena::too_small(needed, ctx.scratch.remaining());
  if constexpr (prefers_whole_maps<Backend>) {
    kernel<op::inverse_cdf, Backend>::run_rows(ctx, scores, rows, points, picked, counts, trace);
  } else {
    const auto part = [](auto all, std::size_t first, std::size_t count) {
      return all.empty() ? all : all.subspan(first, count);
    };
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const auto own = static_cast<std::size_t>(rows[r].scores);
      std::int32_t* const to = picked.data_handle() + r * picked.stride(0);
      const std::size_t count = inverse_cdf(
          ctx, std::span<const float>(scores.data_handle() + r * scores.stride(0), own), {points, rows[r].from_zero != 0},
          {to, most},
          {part(trace.order, r * n, own), part(trace.distribution, r * n, own), part(trace.points, r * points, points)});
      for (std::size_t i = count; i < most; ++i) to[i] = -1;
      counts[r] = static_cast<std::int32_t>(count);
    }
  }
}

}  // namespace heddle::inline v0
