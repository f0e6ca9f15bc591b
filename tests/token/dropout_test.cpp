// Dropout as a policy: counts, order, protected tokens, thresholds.
#include <heddle/reference/gather.hpp>
#include <heddle/reference/map.hpp>
#include <heddle/reference/top_k.hpp>
#include <heddle/token/dropout.hpp>

#include <vector>

#include "support/catch.hpp"

using namespace heddle;

// The rule of EVAD: ceil(ratio * tokens), the protected ones included, in double precision.
static_assert(keep_ratio{0.7}.count(96, 24) == 44);  // ceil(67.2) - 24
static_assert(keep_ratio{0.6}.count(68, 24) == 17);  // ceil(40.8) - 24
static_assert(keep_ratio{0.7}.count(10, 2) == 5);    // exactly 7
static_assert(keep_ratio{1.0}.count(10, 2) == 8);
static_assert(keep_ratio{0.1}.count(10, 2) == 0);  // fewer than are protected
static_assert(keep<7, 10>::count(96, 24) == 44);
static_assert(keep_top{3}.count(10, 1) == 3 && keep_top{30}.count(10, 1) == 9);
static_assert(dropout<class_attention, keep<1, 2>>::counts_are_known);
static_assert(!dropout<class_attention, keep_above>::counts_are_known);

namespace {

const std::vector<float> importance{9, 9, 0.1F, 0.5F, 0.3F, 0.5F, 0.0F, 0.9F,   // head 0
                                    9, 9, 0.1F, 0.5F, 0.3F, 0.5F, 0.2F, 0.1F};  // head 1

token_evidence evidence() {
  token_evidence e;
  e.importance = head_rows<const float>(importance.data(), extents<dyn, dyn, dyn>(1, 2, 8), {16, 8, 1});
  e.class_row = e.importance;
  return e;
}

template <class Dropout>
std::vector<std::int32_t> plan(const Dropout& d, std::size_t prefix) {
  std::vector<std::int32_t> kept(d.limit(8, prefix));
  const workspace memory(Dropout::bytes(reference{}, 8));
  kept.resize(d.plan(context<reference>{{}, memory.scratch()}, evidence(), 0, 8, prefix, kept));
  return kept;
}

}  // namespace

TEST_CASE("dropout: the first tokens are protected, the best others follow by descending score") {
  using ranked = dropout<mean_attention, keep_top>;
  CHECK(plan(ranked{{}, {3}}, 2) == std::vector<std::int32_t>{0, 1, 3, 5, 7});  // 0.5 twice: by position, with 7's mean
  CHECK(plan(ranked{{}, {0}}, 2) == std::vector<std::int32_t>{0, 1});
  CHECK(plan(ranked{{}, {3}}, 8).size() == 8);
}

TEST_CASE("dropout: the order of the tokens that stay can be kept") {
  CHECK(plan(dropout<mean_attention, keep_top, top_k_order::by_position>{{}, {4}}, 0) == std::vector<std::int32_t>{0, 1, 3, 5});
}

TEST_CASE("dropout: where nothing is dropped the order stays") {
  CHECK(plan(dropout<keyframe_attention, keep_ratio>{{.weight = 4.0F}, {1.0}}, 2) ==
        std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(plan(dropout<class_attention, keep_above>{{}, {0.0F, 0}}, 2) == std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 6, 7});
}

TEST_CASE("dropout: thresholds keep as many as are above, and the fewest") {
  using above = dropout<class_attention, keep_above>;
  CHECK(plan(above{{}, {0.4F, 0}}, 2) == std::vector<std::int32_t>{0, 1, 3, 5, 7});
  CHECK(plan(above{{}, {100.0F, 1}}, 2) == std::vector<std::int32_t>{0, 1, 3});
  CHECK(plan(above{{}, {100.0F, 0}}, 2) == std::vector<std::int32_t>{0, 1});
}

TEST_CASE("dropout: queries of the key frame count more") {
  std::vector<float> weights(4);
  keyframe_attention{.weight = 4.0F}.set_row_weights(1, weights);
  CHECK(weights == std::vector<float>{1.0F, 0.25F, 0.25F, 0.25F});
}

TEST_CASE("dropout: the length of rows ranks too, and misuse is refused") {
  const std::vector<float> rows{1, 0, 0, 3, 2, 2, 0, 0};
  token_evidence e;
  e.rows = make_matrix(rows.data(), 4, 2);
  const dropout<token_norm, keep_top> d{{}, {1}};
  std::vector<std::int32_t> kept(2);
  const workspace memory(d.bytes(reference{}, 4));
  const context<reference> ctx{{}, memory.scratch()};
  CHECK(d.plan(ctx, e, 0, 4, 1, kept) == 2);
  CHECK(kept == std::vector<std::int32_t>{0, 1});
  std::vector<std::int32_t> few(1);
  REQUIRE_THROWS_AS(d.plan(ctx, e, 0, 4, 1, few), shape_error);
  REQUIRE_THROWS_AS(d.plan(ctx, e, 1, 4, 1, kept), shape_error);
}
