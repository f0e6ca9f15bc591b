// Blocks and grids of 8x8 tokens: MaxSR (head dimension 16), MaxSR-light (12), MaxViT's adaptive forms.
#include "bench/support/attention_subject.hpp"

namespace {

using namespace heddle;
using bench::add_attention;
using bench::operands;

[[maybe_unused]] const bool registered = [] {
  static const std::vector<float> table = test::normal_vector(15 * 15 * 4, 3, 0.5);
  const resized_position_bias<8> bias{table.data(), 4};
  const bench::attention_shape cut{.batch = 64, .heads = 4, .grid = {1, 8, 8}};
  const bench::attention_shape map{.heads = 4, .grid = {1, 64, 64}, .where = operands::projection};
  const bench::attention_shape wide{.heads = 4, .grid = {1, 144, 256}, .where = operands::projection};
  add_attention<16>("block8", "c", "MaxSR blocks", attention<block<8>>{}, cut);
  add_attention<16>("block8", "m3", "map to map: MaxSR blocks", attention<block<8>>{}, map);
  add_attention<16>("grid8", "m4", "map to map: MaxSR grid", attention<grid<8>>{}, map);
  add_attention<12>("adaptive_block_bias", "", "MaxSR-light blocks", attention{adaptive_block{}, bias}, map);
  add_attention<12>("adaptive_grid_bias", "", "MaxSR-light grid", attention{adaptive_grid{}, bias}, map);
  add_attention<12>("adaptive_block_bias", "", "MaxSR-light blocks of a wide map", attention{adaptive_block{}, bias}, wide);
  return true;
}();

}  // namespace
