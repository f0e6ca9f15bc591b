// A unit that calls the kernel of split_kernel.cpp: what sample 1 costs everybody else.
#include <heddle/backend/simd.hpp>
#include <heddle/heddle.hpp>

#include <cstdio>
#include <vector>

#include "split.hpp"

int main(int argc, char**) {
  using namespace heddle;
  constexpr std::size_t heads = 4, dim = 32;
  constexpr token_grid grid{1, 56, 56};
  const std::vector<float> table(13 * 13 * heads, 0.1F * static_cast<float>(argc));
  const std::vector<float> projection(grid.size() * 3 * heads * dim, 0.5F * static_cast<float>(argc));
  std::vector<float> out(grid.size() * heads * dim);
  const local_attention local{window<7>{}, relative_position_bias<7>{table.data(), heads}};
  const workspace memory(plan_bytes(local, grid, heads) + attend_bytes(simd{}, local, grid, dim));
  arena scratch = memory.scratch();
  const auto plan = plan_attention(local, grid, heads, scratch);
  const auto x = qkv_views<dim>(projection.data(), 1, grid.size(), heads);
  attend(context<simd>{{}, scratch}, plan, x.q, x.k, x.v, merged_heads<dim>(out.data(), 1, grid.size(), heads));
  std::printf("%g\n", static_cast<double>(out[0]));
}
