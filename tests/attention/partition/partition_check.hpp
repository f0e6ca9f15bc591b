// What every index map must fulfil.
#pragma once

#include <heddle/attention/token_grid.hpp>

#include <cstdint>
#include <vector>

#include "support/catch.hpp"

namespace heddle::test {

template <class Map>
std::vector<std::int32_t> tokens_of(const Map& map, std::size_t group) {
  std::vector<std::int32_t> tokens(map.group_size());
  map.tokens(group, tokens.data());
  return tokens;
}

/// `tokens` and `token` agree, every token of the grid is in exactly one group, and `padded` says whether there is padding.
template <class Map>
void require_partition(const Map& map, std::size_t grid_tokens) {
  std::vector<int> seen(grid_tokens, 0);
  bool padding = false;
  bool agree = true;
  for (std::size_t g = 0; g < map.groups(); ++g) {
    const auto tokens = tokens_of(map, g);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      agree = agree && map.token(g, i) == tokens[i];
      padding = padding || tokens[i] < 0;
      if (tokens[i] >= 0) ++seen.at(static_cast<std::size_t>(tokens[i]));
    }
  }
  REQUIRE(agree);
  REQUIRE(map.padded() == padding);
  bool once = true;
  for (const int n : seen) once = once && n == 1;
  REQUIRE(once);
}

}  // namespace heddle::test
