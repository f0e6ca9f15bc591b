// Sampling as a policy: the score of ATS by hand, protected tokens, ragged batches, and the way back.
#include <heddle/reference/gather.hpp>
#include <heddle/reference/inverse_cdf.hpp>
#include <heddle/reference/map.hpp>
#include <heddle/token/sampling.hpp>
#include <heddle/token/source_map.hpp>

#include <array>
#include <cmath>
#include <vector>

#include "support/catch.hpp"
#include "support/random.hpp"

using namespace heddle;

namespace {

/// Two heads of two channels, five tokens.
struct scene {
  std::vector<float> row{0.5F, 0.1F, 0.2F, 0.1F, 0.1F, 0.4F, 0.3F, 0.1F, 0.1F, 0.1F};
  std::vector<float> values = test::normal_vector(5 * 4, 3);

  token_evidence evidence() const {
    token_evidence e;
    e.class_row = head_rows<const float>(row.data(), extents<dyn, dyn, dyn>(1, 2, 5), {10, 5, 1});
    e.values = merged_heads(values.data(), 1, 5, 2, 2);
    return e;
  }
};

}  // namespace

TEST_CASE("sampling: the score is the class token's weight times the length of the value over all heads") {
  const scene s;
  std::vector<float> scores(4);
  class_attention_times_value_norm::score(s.evidence(), 0, 1, scores);
  std::vector<double> expected(4);
  double sum = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    double length = 0;
    for (std::size_t c = 0; c < 4; ++c) length += std::pow(static_cast<double>(s.values[(i + 1) * 4 + c]), 2);
    expected[i] = static_cast<double>(s.row[i + 1] + s.row[5 + i + 1]) * std::sqrt(length);
    sum += expected[i];
  }
  for (std::size_t i = 0; i < 4; ++i) CHECK(static_cast<double>(scores[i]) == Approx(expected[i] / sum).epsilon(1e-5));
}

TEST_CASE("sampling: the class token stays, the others are those that the sampler picks") {
  const scene s;
  const sampling<class_attention_times_value_norm, inverse_transform> sampler{{}, {.points = 4, .from_zero = false}};
  const workspace memory(sampler.bytes(reference{}, 5));
  const context<reference> ctx{{}, memory.scratch()};
  std::vector<std::int32_t> kept(sampler.limit(5, 1));
  const std::size_t count = sampler.plan(ctx, s.evidence(), 0, 5, 1, kept);
  REQUIRE(count >= 2);
  CHECK(kept[0] == 0);
  std::vector<float> scores(4);
  class_attention_times_value_norm::score(s.evidence(), 0, 1, scores);
  std::vector<std::int32_t> picked(4);
  const workspace more(inverse_cdf_bytes(reference{}, 4));
  picked.resize(inverse_cdf(context<reference>{{}, more.scratch()}, scores, {4}, picked));
  REQUIRE(picked.size() + 1 == count);
  for (std::size_t i = 0; i < picked.size(); ++i) CHECK(kept[i + 1] == picked[i] + 1);
  std::vector<std::int32_t> few(2);
  REQUIRE_THROWS_AS(sampler.plan(ctx, s.evidence(), 0, 5, 1, few), shape_error);
  CHECK(sampler.plan(ctx, s.evidence(), 0, 1, 1, kept) == 1);  // the class token alone
}

TEST_CASE("sampling: kept rows go back to where they were, the others get the fill") {
  const std::vector<float> x = test::normal_vector(5 * 3, 1);
  const std::vector<std::int32_t> kept{0, 3, 1};
  std::vector<float> y(9);
  std::vector<float> back(15);
  const context<reference> ctx{};
  keep_rows(ctx, kept, make_matrix(x.data(), 5, 3), make_matrix(y.data(), 3, 3));
  const std::array<float, 3> fill{7.0F, 8.0F, 9.0F};
  put_back_rows(ctx, kept, make_matrix<const float>(y.data(), 3, 3), fill, make_matrix(back.data(), 5, 3));
  for (const std::size_t r : {0U, 1U, 3U})
    for (std::size_t c = 0; c < 3; ++c) CHECK(back[r * 3 + c] == x[r * 3 + c]);
  for (const std::size_t r : {2U, 4U})
    for (std::size_t c = 0; c < 3; ++c) CHECK(back[r * 3 + c] == fill[c]);
  std::vector<std::int32_t> positions(5);
  const source_map map{positions.data(), 1, 5, 3};
  set_kept(map, 0, kept);
  std::vector<float> restored(15);
  restore_rows(ctx, map, make_matrix<const float>(y.data(), 3, 3), make_matrix(restored.data(), 5, 3));
  put_back_rows(ctx, kept, make_matrix<const float>(y.data(), 3, 3), {}, make_matrix(back.data(), 5, 3));
  CHECK(restored == back);
  REQUIRE_THROWS_AS(put_back_rows(ctx, kept, make_matrix<const float>(y.data(), 3, 3), std::span<const float>(fill).first(2),
                                  make_matrix(back.data(), 5, 3)),
                    shape_error);
}

TEST_CASE("sampling: sequences of a ragged batch follow each other") {
  std::array<std::size_t, 4> starts{};
  const ragged_batch batch{starts};
  batch.set_equal(4);
  CHECK(batch.rows() == 12);
  starts = {0, 3, 3, 8};
  CHECK(batch.batch() == 3);
  CHECK(batch.length(1) == 0);
  CHECK(batch.longest() == 5);
  std::vector<float> x(16);
  CHECK(batch.of(make_matrix(x.data(), 8, 2), 2).data_handle() == x.data() + 6);
}
