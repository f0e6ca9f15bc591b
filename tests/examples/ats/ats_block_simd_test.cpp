// Attention of ATS on vectors: scratch is enough whatever sampling leaves.
#include "ats/block.hpp"

#include <algorithm>

#include <heddle/backend/simd.hpp>

#include "support/catch.hpp"

namespace {

using namespace heddle;
using attention_type = examples::ats_attention<32, 4>;

std::size_t needed(std::size_t queries, std::size_t keys) {
  const attention_type::composition_type c{};
  return plan_bytes(c, sequence_grid(queries), sequence_grid(keys), attention_type::heads) +
         attend_bytes(simd{}, c, sequence_grid(queries), sequence_grid(keys), attention_type::head_dim);
}

}  // namespace

TEST_CASE("ats_attention: scratch is enough for every number of kept tokens") {
  for (const std::size_t tokens : {std::size_t{10}, std::size_t{65}, std::size_t{197}}) {
    const std::size_t bytes = attention_type::attend_scratch(simd{}, tokens);
    std::size_t most = 0;
    for (std::size_t keys = 1; keys <= tokens; ++keys)
      for (std::size_t queries = 1; queries <= keys; ++queries) most = std::max(most, needed(queries, keys));
    REQUIRE(most <= bytes);
  }
}
