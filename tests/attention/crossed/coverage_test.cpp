// The rows of the crossed test are what they are said to be.
#include <set>
#include <utility>

#include "attention/crossed/rows.hpp"
#include "support/catch.hpp"

namespace {
using namespace heddle::test::crossed;

using pair = std::pair<std::size_t, std::size_t>;  // (factor, level), twice, as numbers

void add_pairs(std::set<pair>& to, const row& r) {
  const auto l = as_array(r);
  for (std::size_t i = 0; i < factors; ++i)
    for (std::size_t j = i + 1; j < factors; ++j) to.insert({i * 16 + l[i], j * 16 + l[j]});
}

/// All rows of all levels, one after the other.
template <class F>
void each_row(F&& f) {
  std::array<std::size_t, factors> l{};
  while (true) {
    f(row{l[0], l[1], l[2], l[3], l[4], l[5], l[6], l[7]});
    std::size_t i = 0;
    while (i < factors && ++l[i] == levels[i]) l[i++] = 0;
    if (i == factors) return;
  }
}
}  // namespace

TEST_CASE("every legal pair of levels is in a row, and no row is illegal") {
  std::set<pair> covered;
  for (const row& r : rows) {
    CHECK(legal(r));
    add_pairs(covered, r);
  }
  std::set<pair> missing;
  each_row([&](const row& r) {
    if (!legal(r)) return;
    const auto l = as_array(r);
    for (std::size_t i = 0; i < factors; ++i)
      for (std::size_t j = i + 1; j < factors; ++j)
        if (const pair p{i * 16 + l[i], j * 16 + l[j]}; covered.count(p) == 0) missing.insert(p);
  });
  CHECK(missing.empty());
}
