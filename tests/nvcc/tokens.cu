// Token operations whose numbers stay on the device: compiled for every target, in registers.
// BUDGET all spills=0
// BUDGET all stack=0 kernel=sample_rows
#include <heddle/attention/partition/window.hpp>
#include <heddle/cuda/bipartite.cuh>
#include <heddle/cuda/each.cuh>
#include <heddle/cuda/gather.cuh>
#include <heddle/cuda/inverse_cdf.cuh>
#include <heddle/cuda/map.cuh>
#include <heddle/cuda/top_k.cuh>
#include <heddle/token/dropout.hpp>
#include <heddle/token/masking.hpp>
#include <heddle/token/merging.hpp>
#include <heddle/token/sampling.hpp>
#include <heddle/token/splice.hpp>
#include <heddle/token/windowed.hpp>

using namespace heddle;

void sampled(context<cuda<>> ctx, const token_evidence& e, const padded_batch& sequences, matrix_view<std::int32_t> kept,
             std::span<std::int32_t> counts, std::span<std::int32_t> rows) {
  const sampling<class_attention_times_value_norm, inverse_transform> sampler{{}, {.points = 196, .from_zero = true}};
  sampler.plan_all(ctx, e, sequences, 1, kept, counts, lowest_score::of_shorter_sequences);
  rows_of_kept(ctx, as_const(kept), sequences.places, rows);
  dropout<token_norm, keep_above>{{}, {0.5F, 1}}.plan_all(ctx, e, 2, sequences.places, 1, kept, counts);
}

source_map merged(context<cuda<>> ctx, matrix_view<const float> x, arena& memory) {
  const merging<windowed<window<7>, bipartite<8>>> merge{{.grid = {.frames = 1, .height = 14, .width = 14}}};
  return merge.plan(ctx, metric_rows{x}, 1, memory);
}

void masked(context<cuda<>> ctx, mask_random* random, std::span<const float> token, matrix_view<float> x, arena& memory,
            source_map& map, const view<float, dynamic_extents<3>>& members) {
  const token_grid grid{.frames = 1, .height = 16, .width = 16};
  const mask_plan p = masking<square_pattern<ratio{3, 5}, 4>>::plan(ctx, random, grid, memory);
  masking<running_cell_pattern<ratio{1, 2}>>::plan(ctx, random, grid, memory);
  substitute_rows(ctx, p.mask, token, x);
  masking<square_pattern<ratio{3, 5}, 4>>::follow_tokens(ctx, p, map, 0);
  token_segment{.at = 1, .tokens = 4}.set_inserted(ctx, map);
  membership(ctx, map, members);
}
