// Moving, merging and selecting rows compiles for every target and keeps what it computes with in registers.
// BUDGET all spills=0
// BUDGET all stack=0
// Matches are those of the definition: products are rounded before they are added.
// SASS all DFMA=0 DMUL>=8 DADD>=8 kernel=match_tiles
// SASS all LDG.E.128>=1 STG.E.128>=1 kernel=gather_rows_atILj4E
// SASS all LDG.E.128>=1 STG.E.128>=1 kernel=collect_rowsINS1_11sum_of_rowsELj4E
// SASS all LDG.E.128>=1 STG.E.128>=1 kernel=merge_resultsILj4E
#include <heddle/cuda/bipartite.cuh>
#include <heddle/cuda/gather.cuh>
#include <heddle/cuda/inverse_cdf.cuh>
#include <heddle/cuda/merge.cuh>
#include <heddle/cuda/top_k.cuh>

using namespace heddle;

void moved(context<cuda<>> ctx, matrix_view<const float> x, std::span<const std::int32_t> positions, matrix_view<float> y) {
  gather_rows(ctx, x, positions, y);
  scatter_rows(ctx, x, positions, y);
  scatter_add_rows(ctx, x, positions, y);
  scatter_max_rows(ctx, x, positions, y);
}

void merged(context<cuda<>> ctx, head_view<const float> a, head_rows<const float> la, head_view<float> out,
            head_rows<float> lse) {
  merge_attention(ctx, a, la, a, la, out, lse);
}

std::size_t selected(context<cuda<>> ctx, matrix_view<const float> x, std::span<const std::int32_t> a,
                     std::span<std::int32_t> best, std::span<float> s) {
  select_top_k(ctx, x, make_matrix(best.data(), x.extent(0), x.extent(1)));
  match_bipartite(ctx, metric_rows{x}, a, a, best, s);
  return inverse_cdf(ctx, std::span<const float>(s), {8}, best);
}
