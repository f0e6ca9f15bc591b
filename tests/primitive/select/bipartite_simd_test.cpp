#include <heddle/reference/bipartite.hpp>
#include <heddle/simd/bipartite.hpp>

#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/random.hpp"

using namespace heddle;

namespace {

using list = std::vector<std::int32_t>;

struct result {
  list best;
  std::vector<float> similarity;
};

template <class Backend>
result match(const metric_rows& metric, const list& sources, const list& destinations) {
  result r{list(sources.size(), -7), std::vector<float>(sources.size())};
  const workspace memory(match_bytes(Backend{}, sources.size(), destinations.size(), metric.rows.extent(1)));
  match_bipartite(context<Backend>{Backend{}, memory.scratch()}, metric, sources, destinations, r.best, r.similarity);
  return r;
}

template <class Backend>
void check_by_hand() {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> x{1, 0, 0, 0, 0, 2, nan, 1, 3, 0, 3, 4};  // [6, 2]
  const metric_rows metric{make_matrix(x.data(), 6, 2)};
  const result r = match<Backend>(metric, {0, 1, 3, 5}, {2, 4, 0, 5});
  CHECK(r.best == list{1, 0, 0, 3});  // 4 and 0 are alike: the first; nothing is like nothing; a NaN compares with nothing
  CHECK(r.similarity[0] == 1.0F);
  CHECK(r.similarity[1] == 0.0F);
  CHECK(r.similarity[2] == -std::numeric_limits<float>::infinity());
  CHECK(r.similarity[3] == Approx(1.0F));
  CHECK(match<Backend>(metric, {}, {}).best.empty());

  const std::vector<float> heads{1, 0, 9, 3, 0, 9, 0, 3, 9,
                                 0, 1, 9, 2, 0, 9, 2, 0, 9};  // [3 rows, 2 heads, 3], 2 numbers of each are used
  const metric_rows grouped{make_matrix(heads.data(), 3, 2, 6), 2, 3};
  const result g = match<Backend>(grouped, {0}, {1, 2});
  CHECK(g.best == list{1});
  CHECK(g.similarity[0] == Approx(1.0F));
}

}  // namespace

TEST_CASE("every source finds the most similar destination, the first of equals") {
  check_by_hand<reference>();
  check_by_hand<simd>();
  const std::vector<float> x = test::normal_vector(std::size_t{80} * 2 * 37, 4);
  const metric_rows metric = mean_of_groups(make_matrix(x.data(), 80, 2 * 37), 2);
  for (const std::size_t n : {2U, 3U, 16U, 33U, 67U, 80U}) {
    list even;
    list odd;
    for (std::size_t i = 0; i < n; ++i) (i % 2 == 0 ? even : odd).push_back(static_cast<std::int32_t>(i));
    const result expected = match<reference>(metric, even, odd);
    const result got = match<simd>(metric, even, odd);
    CHECK(expected.best == got.best);
    CHECK(test::worst(expected.similarity, got.similarity).difference < 1e-6);
  }
}

TEST_CASE("match_bipartite refuses what does not fit") {
  const std::vector<float> x(12);
  [[maybe_unused]] const metric_rows metric{make_matrix(x.data(), 6, 2)};
  REQUIRE_THROWS_AS(match<simd>(metric, {6}, {0}), shape_error);
  REQUIRE_THROWS_AS(match<simd>(metric, {0}, {}), shape_error);
  REQUIRE_THROWS_AS(mean_of_groups(make_matrix(x.data(), 3, 4), 3), shape_error);
}
