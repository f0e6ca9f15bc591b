// What a mask says about rectangles against what it says about elements.
#pragma once

#include <heddle/attention/mask/ask.hpp>
#include <heddle/attention/partition/strided_groups.hpp>

#include <vector>

#include "attention/mask/test_lanes.hpp"
#include "support/catch.hpp"

namespace heddle::test {

using mask_context = group_context<strided_groups<>>;

/// Queries and keys of one problem.
inline mask_context problem(std::size_t queries, std::size_t keys, std::size_t batch = 0, std::size_t head = 0) {
  return {batch, 0, head, queries, keys, nullptr};
}

template <class Mask, class Context>
bool sees_key(const Mask& mask, const Context& c, std::size_t q, std::size_t k) {
  return detail::visible<float>(mask, c, static_cast<float>(q), static_cast<float>(k));
}

/// How many pairs of a rectangle are visible, from sums over all rectangles at the origin.
class visible_pairs {
 public:
  template <class Mask, class Context>
  visible_pairs(const Mask& mask, const Context& c) : keys_(c.keys), sums_((c.queries + 1) * (c.keys + 1), 0) {
    bool lanes = true;
    for (std::size_t q = 0; q < c.queries; ++q) {
      truths four_keys;
      for (std::size_t k = 0; k < keys_; ++k) {
        const bool seen = sees_key(mask, c, q, k);
        sum(q + 1, k + 1) = sum(q, k + 1) + sum(q + 1, k) - sum(q, k) + (seen ? 1 : 0);
        if (k % 4 == 0)  // a vector of keys says the same, and so does one of queries
          four_keys =
              detail::visible<four>(mask, c, four(static_cast<float>(q)), batch_traits<four>::positions(static_cast<float>(k)));
        lanes = lanes && four_keys.lane[k % 4] == seen;
        if (q + 4 <= c.queries && q % 4 == 0) {
          const auto t =
              detail::visible<four>(mask, c, batch_traits<four>::positions(static_cast<float>(q)), four(static_cast<float>(k)));
          for (std::size_t i = 0; i < 4; ++i) lanes = lanes && t.lane[i] == sees_key(mask, c, q + i, k);
        }
      }
    }
    REQUIRE(lanes);
  }

  tile of(std::size_t q0, std::size_t q1, std::size_t k0, std::size_t k1) const {
    const std::size_t seen = at(q1, k1) + at(q0, k0) - at(q0, k1) - at(q1, k0);
    if (seen == 0) return tile::skip;
    return seen == (q1 - q0) * (k1 - k0) ? tile::full : tile::partial;
  }

 private:
  std::size_t& sum(std::size_t q, std::size_t k) { return sums_[q * (keys_ + 1) + k]; }
  std::size_t at(std::size_t q, std::size_t k) const { return sums_[q * (keys_ + 1) + k]; }
  std::size_t keys_;
  std::vector<std::size_t> sums_;
};

/// Every rectangle is classified without contradiction, and with `Exact` as well as can be: `partial` only where it is.
template <bool Exact, class Mask, class Context>
void require_tiles(const Mask& mask, const Context& c, std::size_t step = 1) {
  const visible_pairs pairs(mask, c);
  std::size_t wrong = 0;
  for (std::size_t q0 = 0; q0 < c.queries; q0 += step)
    for (std::size_t q1 = q0 + 1; q1 <= c.queries; q1 += step)
      for (std::size_t k0 = 0; k0 < c.keys; k0 += step)
        for (std::size_t k1 = k0 + 1; k1 <= c.keys; k1 += step) {
          const tile said = detail::classify(mask, c, q0, q1, k0, k1);
          if ((Exact || said != tile::partial) && said != pairs.of(q0, q1, k0, k1)) ++wrong;
        }
  REQUIRE(wrong == 0);
}

template <class Mask, class Context>
void require_exact(const Mask& mask, const Context& c) {
  require_tiles<true>(mask, c);
}
template <class Mask, class Context>
void require_consistent(const Mask& mask, const Context& c) {
  require_tiles<false>(mask, c);
}

/// The tiles of a kernel on a larger problem: rows of 7 and 32, panels of 16 and runs of 64.
template <class Mask, class Context>
void require_exact_inside(const Mask& mask, const Context& c) {
  const visible_pairs pairs(mask, c);
  std::size_t wrong = 0;
  for (const std::size_t rows : {std::size_t{7}, std::size_t{32}})
    for (const std::size_t columns : {std::size_t{16}, std::size_t{64}})
      for (std::size_t q0 = 0; q0 < c.queries; q0 += rows)
        for (std::size_t k0 = 0; k0 < c.keys; k0 += columns) {
          const std::size_t q1 = q0 + rows < c.queries ? q0 + rows : c.queries;
          const std::size_t k1 = k0 + columns < c.keys ? k0 + columns : c.keys;
          if (detail::classify(mask, c, q0, q1, k0, k1) != pairs.of(q0, q1, k0, k1)) ++wrong;
        }
  REQUIRE(wrong == 0);
}

}  // namespace heddle::test
