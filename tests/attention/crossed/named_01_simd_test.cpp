#include "attention/crossed/named.hpp"

using namespace heddle;
using namespace heddle::test::crossed;

TEST_CASE("blocks, grids and windows by name") {
  const float* n = numbers().data();
  both(block<2, 3>{}, causal<>{}, relative_position_bias<2, 3>{n, named_heads}, logsumexp{});
  both(grid<2, 3>{}, prefix<4>{}, alibi<named_heads>{});
  both<16>(window<3, 4>{1, 2}, same_region{}, log_coordinate_bias{5, named_heads, n, n + 20, n + 40, n + 60});
  both(shifted_window<4>{}, same_region{}, resized_position_bias<3>{n, named_heads}, softmax_one{}, logsumexp{});
  both(adaptive_block{}, soft_cap{2.0F}, sigmoid_weights{-1.0F});
  both(adaptive_grid{}, sliding<3>{}, dense_bias(n, 6, 6, 1));
  both<12>(window<2, 3, 4>{1, 0, 1}, region_penalty{}, space_time_position_bias<2, 3, 4>{n, named_heads});
}
