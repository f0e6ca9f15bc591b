/// @file
/// What hooks are told about the problem they are asked about.
#pragma once

#include <cstddef>

#include "../config.hpp"

namespace heddle::inline v0 {

/// What a mask says about a rectangle of queries and keys.
enum class tile {
  skip,     ///< nobody sees anybody: never computed
  partial,  ///< ask for every element
  full      ///< everybody sees everybody: never asked again
};

/// What is true of both of two masks that say `a` and `b` about a rectangle.
HEDDLE_HOST_DEVICE constexpr tile both(tile a, tile b) noexcept {
  return a == tile::skip || b == tile::full ? a : b == tile::skip ? b : tile::partial;
}

/// One independent problem: `group` of batch item `batch`, for one head. Positions count from 0 inside the group.
template <class Map>
struct group_context {
  std::size_t batch = 0;
  std::size_t group = 0;
  std::size_t head = 0;  ///< of the queries
  std::size_t queries = 0;
  std::size_t keys = 0;
  const Map* map = nullptr;  ///< the index map of the partition
};

/// The sizes of one call of `attend`. A policy with run-time parameters may have `void check(const attend_call&) const`,
/// which is called before any work and throws `shape_error` for parameters that do not fit.
struct attend_call {
  std::size_t batch = 0;
  std::size_t heads = 0;       ///< of the queries
  std::size_t groups = 0;      ///< that the partition makes of one batch item
  std::size_t queries = 0;     ///< positions of a group
  std::size_t keys = 0;        ///< keys of a group
  std::size_t tokens = 0;      ///< of the queries of a batch item
  std::size_t key_tokens = 0;  ///< of the keys of a batch item
  std::size_t head_dim = 0;
};

namespace detail {

/// Lets a policy refuse run-time parameters that do not fit the call.
template <class P>
constexpr void check_policy(const P& p, const attend_call& call) {
  if constexpr (requires { p.check(call); }) {
    p.check(call);
  } else if constexpr (requires { p.check(call.batch); }) {
    p.check(call.batch);
  }
}

}  // namespace detail
}  // namespace heddle::inline v0
