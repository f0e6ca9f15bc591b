/// @file
/// `match_bipartite`: for every row of one set the most similar row of another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "../gather.hpp"

namespace heddle::inline v0 {

namespace op {
/// Tag of `heddle::match_bipartite`.
struct match_bipartite {};
}  // namespace op

/// Rows that are compared: row i is the mean over `groups` of the `rows.extent(1)` numbers at
/// `rows.data + i * stride + g * group_stride`. With one group the rows themselves; with the heads of a layer the mean of its
/// keys, read where the projection left them.
struct metric_rows {
  matrix_view<const float> rows{};
  std::size_t groups = 1;
  std::size_t group_stride = 0;
};

/// The channels of `x` in `groups` equal slices, averaged. @throws shape_error if they do not divide
template <class Isa = isa::native>
metric_rows mean_of_groups(matrix_view<const float> x, std::size_t groups) {
  if (groups == 0 || x.extent(1) % groups != 0)
    detail::raise<shape_error>("mean_of_groups: expected a number of groups that divides " + std::to_string(x.extent(1)) +
                               " channels, got " + std::to_string(groups));
  const std::size_t width = x.extent(1) / groups;
  return {column_range(x, 0, width), groups, width};
}

/// Scratch of `match_bipartite`.
template <class Backend>
constexpr std::size_t match_bytes(const Backend& backend, std::size_t sources, std::size_t destinations, std::size_t dims) {
  return kernel<op::match_bipartite, Backend>::bytes(backend, sources, destinations, dims);
}

/// `best[a] = argmax_b u(sources[a]) . u(destinations[b])`, `similarity[a]` that maximum, with `u = m / |m|`.
///
/// Among equal similarities the first destination wins. A row of zeros is similar to nothing (0); NaN is never the larger:
/// a source that compares with nothing gets destination 0 and -inf. Complexity: one product of `[sources, dims]` and
/// `[dims, destinations]`.
/// @param metric       what is compared
/// @param sources      positions of rows of `metric`
/// @param destinations positions of rows of `metric`, at least one unless there are no sources
/// @param best         one for every source: an index into `destinations`
/// @param similarity   one for every source
/// @throws shape_error, workspace_error before any work
template <class Backend>
void match_bipartite(context<Backend> ctx, const metric_rows& metric, std::span<const std::int32_t> sources,
                     std::span<const std::int32_t> destinations, std::span<std::int32_t> best, std::span<float> similarity) {
  require_extent("match_bipartite: best", "sources", sources.size(), best.size());
  require_extent("match_bipartite: similarity", "sources", sources.size(), similarity.size());
  if (sources.empty()) return;
  if (destinations.empty()) detail::raise<shape_error>("match_bipartite: destinations: expected at least one");
  detail::require_positions_of<Backend>("match_bipartite: sources", sources, metric.rows.extent(0));
  detail::require_positions_of<Backend>("match_bipartite: destinations", destinations, metric.rows.extent(0));
  const std::size_t needed = match_bytes(ctx.backend, sources.size(), destinations.size(), metric.rows.extent(1));
  if (needed > ctx.scratch.remaining()) arena::too_small(needed, ctx.scratch.remaining());
  kernel<op::match_bipartite, Backend>::run(ctx, metric, sources, destinations, best, similarity);
}

}  // namespace heddle::inline v0
