#include <heddle/attention/partition/window.hpp>
#include <heddle/reference/bipartite.hpp>
#include <heddle/reference/gather.hpp>
#include <heddle/reference/top_k.hpp>
#include <heddle/token/merging.hpp>
#include <heddle/token/windowed.hpp>

#include <numeric>
#include <vector>

#include "support/catch.hpp"
#include "support/random.hpp"

using namespace heddle;

namespace {

using list = std::vector<std::int32_t>;

/// Metrics in the plane, given by their angle in degrees.
std::vector<float> directions(const std::vector<double>& degrees) {
  std::vector<float> rows;
  for (const double d : degrees) {
    const double radians = d * 3.14159265358979323846 / 180.0;
    rows.push_back(static_cast<float>(3.0 * std::cos(radians)));  // the length does not count
    rows.push_back(static_cast<float>(3.0 * std::sin(radians)));
  }
  return rows;
}

template <class Match>
list targets(const Match& match, const std::vector<float>& metric, std::size_t width = 2) {
  const std::size_t tokens = metric.size() / width;
  const merging<Match> merge{match};
  const workspace scratch(merge.plan_scratch_bytes(reference{}, tokens, width));
  const workspace memory(source_map_bytes(1, tokens));
  arena maps = memory.scratch();
  const source_map map =
      merge.plan(context<reference>{{}, scratch.scratch()}, metric_rows{make_matrix(metric.data(), tokens, width)}, 1, maps);
  CHECK(map.after == merge.remaining(tokens));
  return {map.positions, map.positions + tokens};
}

}  // namespace

// even places 0, 2, 4, 6: nearest odd ones are 1 (2 degrees away), 1 (20), 5 (1), 5 (10)
static const std::vector<double> seven{0, 2, 22, 90, 140, 141, 151};

TEST_CASE("the most similar pairs of even and odd places merge") {
  const std::vector<float> metric = directions(seven);
  // merged: place 4 into 5, then 0 into 1; the rest by falling similarity: 6 (10 degrees), 2 (20)
  CHECK(targets(bipartite<>{2}, metric) == list{2, 2, 1, 3, 4, 4, 0});
  CHECK(targets(bipartite<1>{}, metric) == list{0, 3, 2, 4, 5, 5, 1});
  CHECK(targets(bipartite<>{0}, metric) == list{0, 1, 2, 3, 4, 5, 6});
  CHECK(targets(bipartite<>{100}, metric) == list{1, 1, 0, 2, 3, 3, 3});  // half of 7: three
}

TEST_CASE("protected tokens stay in front and nothing merges into them") {
  const std::vector<float> metric = directions(seven);
  // place 0 may not go; order of the even ones that stay is kept
  CHECK(targets(bipartite<dyn, protected_tokens::class_token>{1}, metric) == list{0, 3, 1, 4, 5, 5, 2});
  CHECK(targets(bipartite<dyn, protected_tokens::class_token>{3}, metric) == list{0, 1, 1, 2, 3, 3, 3});
  // place 1 takes nothing: 2 is nearest to 3; at most two go
  CHECK(targets(bipartite<dyn, protected_tokens::class_and_distillation>{9}, metric) == list{0, 1, 2, 3, 4, 4, 4});
  CHECK(bipartite<dyn, protected_tokens::class_and_distillation>{9}.remaining(2) == 2);
  CHECK(bipartite<5, protected_tokens::class_token>{}.remaining(0) == 0);
}

TEST_CASE("every k-th token takes the others") {
  const std::vector<float> metric = directions(seven);
  CHECK(targets(every_kth<3>{}, metric) == list{0, 0, 0, 1, 1, 1, -1});
  CHECK(targets(every_kth<>{1}, metric) == list{0, 1, 2, 3, 4, 5, 6});
  CHECK(every_kth<8>{}.remaining(7) == 0);
  CHECK(targets(every_kth<8>{}, metric) == list(7, -1));
}

TEST_CASE("drawn tokens merge into the others") {
  const std::vector<float> metric = directions(seven);
  const list order{4, 0, 6, 2, 5, 1, 3};
  CHECK(targets(random_split{order, 2}, metric) == list{3, 3, 1, 4, 2, 2, 0});
  CHECK(random_split{order, 9}.remaining(7) == 1);
  REQUIRE_THROWS_AS(targets(random_split{list{0, 1}, 1}, metric), shape_error);
}

TEST_CASE("merging in windows lets only tokens of one window meet") {
  const std::vector<float> metric = test::normal_vector(std::size_t{1 + 4 * 6} * 5, 3);
  windowed<window<2, 3>, bipartite<2>> match{.grid = {.height = 4, .width = 6}, .prefix = 1};
  const list all = targets(match, metric, 5);
  CHECK(all[0] == 0);
  for (std::size_t g = 0; g < 4; ++g) {
    std::vector<float> part;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < 6; ++i) {
      places.push_back(1 + (g / 2 * 2 + i / 3) * 6 + g % 2 * 3 + i % 3);
      part.insert(part.end(), &metric[places.back() * 5], &metric[places.back() * 5] + 5);
    }
    const list alone = targets(bipartite<2>{}, part, 5);
    for (std::size_t i = 0; i < 6; ++i) CHECK(all[places[i]] == alone[i] + static_cast<std::int32_t>(1 + 4 * g));
  }
  REQUIRE_THROWS_AS(match.remaining(24), shape_error);
}

TEST_CASE("merged tokens are combined, weighted by size, and led back") {
  const std::vector<float> metric = directions(seven);
  const list to = targets(bipartite<>{3}, metric);
  list memory = to;
  const source_map map{memory.data(), 1, 7, 4};
  const std::vector<float> x{1, 2, 3, 4, 5, 6, 9};
  const std::vector<float> sizes{1, 3, 1, 1, 2, 1, 1};
  const workspace scratch(merging<bipartite<>>::apply_scratch_bytes(7));
  const context<reference> ctx{{}, scratch.scratch()};
  std::vector<float> y(4);
  std::vector<float> after(4);
  const auto run = [&](auto combine) {
    merging<bipartite<>, decltype(combine)>{}.apply(ctx, map, make_matrix(x.data(), 7, 1), make_matrix(y.data(), 4, 1),
                                                    {sizes.data(), after.data()});
    return y;
  };
  CHECK(run(token_sum{}) == std::vector<float>{3, 3, 4, 20});
  CHECK(run(token_mean{})[1] == 1.5F);
  CHECK(run(token_mean{})[3] == Approx(20.0F / 3.0F));
  CHECK(run(token_maximum{}) == std::vector<float>{3, 2, 4, 9});
  CHECK(run(size_weighted_mean{}) == std::vector<float>{3, 1.75F, 4, 6.25F});
  CHECK(after == std::vector<float>{1, 4, 1, 4});
  std::vector<float> again(7);
  merging<bipartite<>>::invert(ctx, map, make_matrix<const float>(y.data(), 4, 1), make_matrix(again.data(), 7, 1));
  CHECK(again == std::vector<float>{1.75F, 1.75F, 3, 4, 6.25F, 6.25F, 6.25F});
}
