#include <heddle/reference/attend.hpp>

#include <array>
#include <cmath>
#include <type_traits>

#include "attention/attend_case.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

using namespace heddle;
using test::attend_case;

namespace {
/// Doubles the rows of queries: not the same as what comes after it.
struct doubled_queries {
  using policy_category = position_tag;
  void operator()(float* row, std::size_t dim, std::size_t, std::size_t, row_role role) const {
    for (std::size_t d = 0; d < dim; ++d) row[d] *= role == row_role::query ? 2.0F : 1.0F;
  }
};
/// The older form.
struct added_head {
  using policy_category = position_tag;
  void operator()(float* row, std::size_t, std::size_t head, std::size_t token) const {
    row[0] += static_cast<float>(10 * head + token);
  }
};
}  // namespace

TEST_CASE("rows are normalised by hand") {
  const float gain[4] = {1.0F, 2.0F, 3.0F, 4.0F};
  const float bias[4] = {0.5F, 0.0F, 0.0F, 0.0F};
  std::array<float, 4> row{1.0F, 2.0F, 3.0F, 6.0F};  // mean 3, variance 3.5
  qk_norm<row_norm::layer>{.query_gain = gain, .key_bias = bias, .epsilon = 0.0F}(row.data(), 4, 0, 0, row_role::query);
  CHECK(row[0] == Approx(-2.0 / std::sqrt(3.5)));
  CHECK(row[3] == Approx(4.0 * 3.0 / std::sqrt(3.5)));
  row = {1.0F, 2.0F, 3.0F, 6.0F};
  qk_norm<row_norm::layer>{.query_gain = gain, .key_bias = bias, .epsilon = 0.0F}(row.data(), 4, 0, 0, row_role::key);
  CHECK(row[0] == Approx(0.5 - 2.0 / std::sqrt(3.5)));
  row = {1.0F, 2.0F, 3.0F, 6.0F};  // mean square 12.5
  qk_norm<row_norm::rms>{.key_gain = gain, .epsilon = 1.0F}(row.data(), 4, 0, 0, row_role::key);
  CHECK(row[3] == Approx(4.0 * 6.0 / std::sqrt(13.5)));
}

TEST_CASE("scores no longer depend on the length of queries and keys") {
  attend_case a(1, 2, 6, sequence_grid(7), 1);
  attend_case b = a;
  for (std::size_t t = 0; t < 7; ++t)
    for (std::size_t d = 0; d < 6; ++d) {
      b.at(0, 0, t, 1, d) *= 4.0F;
      b.at(1, 0, t, 1, d) *= static_cast<float>(t + 1);
    }
  a.run<reference>(attention{qk_norm<row_norm::rms>{.epsilon = 0.0F}});
  b.run<reference>(attention{qk_norm<row_norm::rms>{.epsilon = 0.0F}});
  CHECK(test::worst(a.out, b.out).relative() < 1e-6);
}

TEST_CASE("several policies act in their order") {
  std::array<float, 2> row{3.0F, 4.0F};
  positions{qk_norm<row_norm::rms>{.epsilon = 0.0F}, doubled_queries{}, added_head{}}(row.data(), 2, 1, 5, row_role::query);
  CHECK(row[1] == Approx(2.0 * 4.0 / std::sqrt(12.5)));
  CHECK(row[0] == Approx(15.0 + 2.0 * 3.0 / std::sqrt(12.5)));
  positions<qk_norm<>, rotary<>> both;
  both.get<1>().base = 50.0F;
  STATIC_REQUIRE(std::is_trivially_copyable_v<positions<qk_norm<>, rotary<>>>);
  attend_case a(1, 2, 4, sequence_grid(5), 2);
  attend_case b = a;
  a.run<reference>(attention{positions{doubled_queries{}, rotary<>{}}});
  b.run<reference>(attention{rotary<>{}, scaled_dot{1.0F}});  // twice 1 / sqrt(4)
  CHECK(test::worst(a.out, b.out).relative() < 1e-6);
}

TEST_CASE("a score policy prepares rows after the position policy") {
  struct cosine_like {
    using policy_category = score_tag;
    float scale(std::size_t, std::size_t) const { return 3.0F; }
    void prepare(float* row, std::size_t dim) const {
      float sum = 0.0F;
      for (std::size_t d = 0; d < dim; ++d) sum += row[d] * row[d];
      for (std::size_t d = 0; d < dim; ++d) row[d] /= std::sqrt(sum);
    }
  };
  attend_case a(1, 1, 4, sequence_grid(6), 3);
  attend_case b = a;
  a.run<reference>(attention{cosine_like{}, doubled_queries{}});
  b.run<reference>(attention{scaled_dot{3.0F / 4.0F}, qk_norm<row_norm::rms>{.epsilon = 0.0F}});  // rms rows have length 2
  CHECK(test::worst(a.out, b.out).relative() < 1e-6);
}
