#include <heddle/attention/mask/packed_lengths.hpp>

#include "attention/mask/mask_check.hpp"
#include "support/random.hpp"

using namespace heddle;
using test::problem;

namespace {

/// By the definition: the number of offsets at or below a token, if it is before the last.
std::size_t sequence_of(const std::vector<std::int32_t>& offsets, std::size_t token) {
  std::size_t n = 0;
  for (const std::int32_t o : offsets) n += static_cast<std::size_t>(o) <= token ? 1 : 0;
  return n == offsets.size() ? 0 : n;
}

}  // namespace

TEST_CASE("tokens of different sequences never see each other") {
  const std::vector<std::vector<std::int32_t>> all{{0, 3, 3, 7, 12}, {0, 12}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
                                                   {0, 5, 9},        {0},     {0, 0, 0, 4}};
  for (const auto& offsets : all) {
    const packed_lengths mask{offsets};
    const auto c = problem(12, 12);
    for (std::size_t q = 0; q < 12; ++q)
      for (std::size_t k = 0; k < 12; ++k) {
        const std::size_t s = sequence_of(offsets, q);
        REQUIRE(test::sees_key(mask, c, q, k) == (s != 0 && s == sequence_of(offsets, k)));
      }
    test::require_exact(mask, c);
  }
}

TEST_CASE("keys with offsets of their own") {
  const std::vector<std::int32_t> queries{0, 3, 3, 5, 8};
  for (const std::vector<std::int32_t>& keys :
       {std::vector<std::int32_t>{0, 4, 9, 9, 12}, std::vector<std::int32_t>{0, 0, 0, 0, 13},
        std::vector<std::int32_t>{0, 6, 7, 10, 10}}) {
    const packed_lengths mask{queries, keys};
    const auto c = problem(9, 13);
    for (std::size_t q = 0; q < 9; ++q)
      for (std::size_t k = 0; k < 13; ++k) {
        const std::size_t s = sequence_of(queries, q);
        REQUIRE(test::sees_key(mask, c, q, k) == (s != 0 && s == sequence_of(keys, k)));
      }
    test::require_exact(mask, c);
  }
}

TEST_CASE("random sequences classify exactly, inside larger problems too") {
  test::generator random(5);
  for (int n = 0; n < 6; ++n) {
    std::vector<std::int32_t> offsets{0};
    while (offsets.back() < 380)
      offsets.push_back(offsets.back() + static_cast<std::int32_t>(random.integer(0, n < 3 ? 90 : 7)));
    test::require_exact_inside(packed_lengths{offsets}, problem(400, 400));
  }
}

TEST_CASE("offsets that fall or reach behind the tokens are refused") {
  const auto refuse = [](const std::vector<std::int32_t>& offsets, const std::vector<std::int32_t>& keys) {
    static_cast<void>(offsets);
    static_cast<void>(keys);
    REQUIRE_THROWS_AS((packed_lengths{offsets, keys}.check({1, 1, 1, 10, 12, 10, 12, 8})), shape_error);
  };
  refuse({}, {});
  refuse({1, 4}, {0, 4});
  refuse({0, 4, 3}, {0, 4, 5});
  refuse({0, 11}, {0, 12});
  refuse({0, 10}, {0, 13});
  refuse({0, 10}, {0, 5, 12});
  const std::vector<std::int32_t> good{0, 4, 10};
  const packed_lengths mask{good};
  REQUIRE_NOTHROW(mask.check({1, 1, 1, 10, 10, 10, 10, 8}));
}
