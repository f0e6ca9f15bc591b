#include "attention/crossed/named.hpp"

using namespace heddle;
using namespace heddle::test::crossed;

TEST_CASE("lines, lattices, lists and neighbourhoods by name") {
  const float* n = numbers().data();
  both(axial_rows{}, sliding<2, band_side::both>{}, key_bias{n, 9}, logsumexp{});
  const std::vector<std::uint8_t> bits(block_sparse<3, 4, block_table::bits>::table_bytes(36, 36), 0x65);
  both(spatial{}, block_sparse<3, 4, block_table::bits>{bits}, qk_norm<row_norm::rms>{});
  both(temporal{}, visible_if{[](std::size_t q, std::size_t k) { return k <= q; }}, linear_scores{});
  both(dilated<2, 3>{}, any_of{sliding<2>{}, prefix<1>{}}, rotary<rotary_pairs::interleaved>{});
  std::vector<std::int32_t> list(72);
  for (std::size_t i = 0; i < 72; ++i) list[i] = static_cast<std::int32_t>(i * 31 % 72);
  const tables t(12, 12);
  both(gathered<12>{list.data(), 6, 12}, all_of{causal<>{}, sliding<7>{}}, box_geometry{n, named_heads, t.boxes.data(), 12});
  both(neighborhood<1, 3, 3>{}, neighborhood_bias{n, named_heads}, none_of{prefix<1>{}});
  both<16>(neighborhood<3, 3>{.dilation_x = 2}, decoupled<share::constant, share::drop_prompts>{{0, 2}, {0.25F}});
}
