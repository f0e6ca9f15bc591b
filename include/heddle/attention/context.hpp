/// @file
/// What hooks are told about the problem they are asked about.
#pragma once

#include <cstddef>

#include "../config.hpp"

namespace heddle::inline v0 {

/// What a mask says about a rectangle of queries and keys.
enum class tile {
  skip,      ///< nobody sees anybody: never computed
  partial,   ///< ask for every element
  full       ///< everybody sees everybody: never asked again
};

/// One independent problem: `group` of batch item `batch`, for one head. Positions count from 0 inside the group.
template <class Map>
struct group_context {
  std::size_t batch = 0;
  std::size_t group = 0;
  std::size_t head = 0;
  std::size_t queries = 0;
  std::size_t keys = 0;
  const Map* map = nullptr;   ///< the index map of the partition
};

}  // namespace heddle::inline v0
