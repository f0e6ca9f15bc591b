#include <heddle/reference/gather.hpp>
#include <heddle/reference/map.hpp>
#include <heddle/token/pooling.hpp>
#include <heddle/token/splice.hpp>

#include <vector>

#include "support/catch.hpp"

using namespace heddle;

namespace {
using rows = std::vector<float>;
matrix_view<const float> in(const rows& x) { return make_matrix(x.data(), x.size(), 1); }
matrix_view<float> out(rows& x) { return make_matrix(x.data(), x.size(), 1); }
}  // namespace

TEST_CASE("a segment goes into every sequence and comes out again") {
  const context<reference> ctx{};
  const rows x{1, 2, 3, 4, 5, 6};
  rows y(10);
  const token_segment prompts{.at = 1, .tokens = 2};
  prompts.insert(ctx, 2, in(x), in({-1, -2}), out(y));
  CHECK(y == rows{1, -1, -2, 2, 3, 4, -1, -2, 5, 6});
  prompts.insert(ctx, 2, in(x), in({-1, -2, -3, -4}), out(y));
  CHECK(y == rows{1, -1, -2, 2, 3, 4, -3, -4, 5, 6});

  rows again(6);
  prompts.remove(ctx, 2, in(y), out(again));
  CHECK(again == x);
  rows segment(4);
  prompts.extract(ctx, 2, in(y), out(segment));
  CHECK(segment == rows{-1, -2, -3, -4});

  prompts.blend(ctx, 2, in({3, 6}), 0.5F, out(y));
  CHECK(y == rows{1, 1, 2, 2, 3, 4, 0, 1, 5, 6});
  prompts.replace(ctx, 2, in({7, 8}), out(y));
  CHECK(y == rows{1, 7, 8, 2, 3, 4, 7, 8, 5, 6});

  std::vector<std::int32_t> memory(6);
  source_map map{memory.data(), 2, 3, 3};
  prompts.set_inserted(map);
  CHECK(memory == std::vector<std::int32_t>{0, 3, 4, 0, 3, 4});
  CHECK(map.after == 5);
}

TEST_CASE("a segment that does not fit is refused") {
  [[maybe_unused]] const context<reference> ctx{};
  rows y(10);
  REQUIRE_THROWS_AS((token_segment{4, 2}.replace(ctx, 2, in({7, 8}), out(y))), shape_error);
  REQUIRE_THROWS_AS((token_segment{1, 2}.replace(ctx, 2, in({7, 8, 9}), out(y))), shape_error);
  REQUIRE_THROWS_AS((token_segment{1, 2}.replace(ctx, 3, in({7, 8}), out(y))), shape_error);
  REQUIRE_THROWS_AS((token_segment{1, 2}.insert(ctx, 2, in(rows(5)), in({7, 8}), out(y))), shape_error);
}

TEST_CASE("sequences are pooled to rows") {
  const rows x{9, 1, 2, 6, 8, 3, 5, 1};
  const rows sizes{1, 1, 2, 1, 1, 1, 1, 6};
  const workspace memory(pooling<pool::sizes>::bytes(reference{}, 4));
  const context<reference> ctx{{}, memory.scratch()};
  rows y(2);
  pooling<pool::first>{}.apply(ctx, in(x), out(y));
  CHECK(y == rows{9, 8});
  pooling<pool::mean, 1>{}.apply(ctx, in(x), out(y));
  CHECK(y == rows{3, 3});
  pooling<pool::maximum, 1>{}.apply(ctx, in(x), out(y));
  CHECK(y == rows{6, 5});
  pooling<pool::sizes, 1>{}.apply(ctx, in(x), out(y), sizes.data());
  CHECK(y == rows{2.75F, 1.75F});
  pooling<pool::sizes, 1>{}.apply(ctx, in(x), out(y));
  CHECK(y == rows{3, 3});
  REQUIRE_THROWS_AS((pooling<pool::mean, 4>{}.apply(ctx, in(x), out(y))), shape_error);
}
