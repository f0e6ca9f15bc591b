#include <heddle/reference/attend.hpp>

#include <array>
#include <cmath>
#include <vector>

#include "attention/attend_case.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

using namespace heddle;
using test::attend_case;

TEST_CASE("pairs are turned by hand") {
  std::array<float, 4> row{1.0F, 2.0F, 3.0F, 4.0F};
  rotary<rotary_pairs::interleaved>{100.0F}(row.data(), 4, 0, 3, row_role::query);  // angles 3, 0.3
  CHECK(row[0] == Approx(std::cos(3.0) - 2.0 * std::sin(3.0)));
  CHECK(row[1] == Approx(std::sin(3.0) + 2.0 * std::cos(3.0)));
  CHECK(row[2] == Approx(3.0 * std::cos(0.3) - 4.0 * std::sin(0.3)));
  CHECK(row[3] == Approx(3.0 * std::sin(0.3) + 4.0 * std::cos(0.3)));
  row = {1.0F, 2.0F, 3.0F, 4.0F};
  rotary<rotary_pairs::halves>{100.0F}(row.data(), 4, 0, 3, row_role::key);
  CHECK(row[0] == Approx(std::cos(3.0) - 3.0 * std::sin(3.0)));
  CHECK(row[2] == Approx(std::sin(3.0) + 3.0 * std::cos(3.0)));
  CHECK(row[1] == Approx(2.0 * std::cos(0.3) - 4.0 * std::sin(0.3)));
  CHECK(row[3] == Approx(2.0 * std::sin(0.3) + 4.0 * std::cos(0.3)));
}

TEST_CASE("scores depend on distances alone") {
  attend_case a(1, 2, 6, sequence_grid(9), 1);
  attend_case b = a;
  a.run<reference>(attention{rotary<>{}});
  b.run<reference>(attention{rotary<>{.query_offset = 1000, .key_offset = 1000}});
  CHECK(test::worst(a.out, b.out).relative() < 1e-4);  // angles of a thousand radians, in float
  b.run<reference>(attention<>{});
  CHECK(test::worst(a.out, b.out).relative() > 1e-2);
}

TEST_CASE("tables hold the same angles; fewer elements may be turned; offsets are roles") {
  std::vector<float> cosines(20 * 2);
  std::vector<float> sines(20 * 2);
  fill_rotary_tables(500.0F, 20, 4, cosines.data(), sines.data());
  const rotary<> computed{.base = 500.0F, .dims = 4, .query_offset = 7, .key_offset = 2};
  rotary<> tabled = computed;
  tabled.cosines = cosines.data();
  tabled.sines = sines.data();
  tabled.positions = 20;
  for (const row_role role : {row_role::query, row_role::key}) {
    std::array<float, 6> x{1.0F, -2.0F, 3.0F, 4.0F, 5.0F, 6.0F};
    std::array<float, 6> y = x;
    std::array<float, 6> z = x;
    computed(x.data(), 6, 0, 5, role);
    tabled(y.data(), 6, 0, 5, role);
    rotary<>{.base = 500.0F, .dims = 4}(z.data(), 6, 0, role == row_role::query ? 12 : 7, role);
    for (std::size_t d = 0; d < 6; ++d) {
      CHECK(x[d] == Approx(y[d]));
      CHECK(x[d] == z[d]);
    }
    CHECK(x[4] == 5.0F);
    CHECK(x[5] == 6.0F);
  }
}

TEST_CASE("positions far away are exact to a float") {
  std::array<float, 2> row{1.0F, 0.0F};
  rotary<>{}(row.data(), 2, 0, 1'000'003, row_role::key);
  CHECK(row[0] == Approx(std::cos(1000003.0)).margin(1e-6));
}

TEST_CASE("dims and tables are checked") {
  attend_case a(1, 1, 6, sequence_grid(9), 2);
  attend_case odd(1, 1, 5, sequence_grid(9), 2);
  std::vector<float> table(27, 0.0F);
  REQUIRE_THROWS_AS(a.run<reference>(attention{rotary<>{.dims = 8}}), shape_error);
  REQUIRE_THROWS_AS(a.run<reference>(attention{rotary<>{.dims = 3}}), shape_error);
  REQUIRE_THROWS_AS(odd.run<reference>(attention<rotary<>>{}), shape_error);
  REQUIRE_THROWS_AS(a.run<reference>(attention{rotary<>{.cosines = table.data()}}), weight_error);
  const rotary<> few{.query_offset = 1, .cosines = table.data(), .sines = table.data(), .positions = 9};
  REQUIRE_THROWS_AS(a.run<reference>(attention{few}), shape_error);
  for (const float y : a.out) REQUIRE(y == 77.0F);
}
