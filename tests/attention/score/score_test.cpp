// Biases by their definitions, and their expansion into rows.
#include <heddle/attention/expanded_bias.hpp>
#include <heddle/attention/score/space_time_position_bias.hpp>

#include <cmath>
#include <vector>

#include "support/catch.hpp"
#include "support/random.hpp"

using namespace heddle;

namespace {

template <class Composition>
float expanded(const Composition& c, window_extents w, std::size_t heads, std::size_t head, std::size_t q, std::size_t k) {
  const workspace memory(expanded_bias<Composition>::bytes(w, heads));
  arena block = memory.scratch();
  const expanded_bias<Composition> bias(c, w, heads, block);
  std::vector<float> row(bias.pitch());
  bias.rows(0, head, q, q + 1, row.data());
  if (bias.matrix(0, head) != nullptr) CHECK(bias.matrix(0, head)[q * bias.pitch() + k] == row[k]);
  CHECK((Composition::modifiers != 1 || bias.at(0, head, q, k) == row[k]));
  for (std::size_t i = w.size(); i < bias.pitch(); ++i) CHECK(row[i] == -HUGE_VALF);
  return row[k];
}

}  // namespace

TEST_CASE("a flat table is read at query - key, the other layout at key - query") {
  // Window 2 x 3: offsets -1..1 and -2..2. Head 1 of 2; query (0, 2), key (1, 0): dy = -1, dx = 2.
  const auto flat = test::normal_vector(3 * 5 * 2, 1);
  const attention a{relative_position_bias<2, 3>{flat.data(), 2}};
  CHECK(expanded(a, {2, 3}, 2, 1, 2, 3) == flat[(0 * 5 + 4) * 2 + 1]);

  const attention b{relative_position_bias<2, 3, table_layout::key_minus_query>{flat.data(), 2}};
  CHECK(expanded(b, {2, 3}, 2, 1, 2, 3) == flat[1 * 15 + 2 * 5 + 0]);
}

TEST_CASE("tables that do not fit are refused") {
  const std::vector<float> table(15 * 15 * 4);
  using seven [[maybe_unused]] = relative_position_bias<7>;
  REQUIRE_THROWS_AS((seven{table.data(), 4}.check({8, 7}, 4)), shape_error);
  REQUIRE_THROWS_AS((seven{table.data(), 4}.check({7, 7}, 3)), shape_error);
  REQUIRE_THROWS_AS((seven{nullptr, 4}.check({7, 7}, 4)), weight_error);
  REQUIRE_THROWS_AS((log_coordinate_bias{}.check({7, 7}, 4)), weight_error);
}

TEST_CASE("a table of the same window is not changed by resizing") {
  const auto table = test::normal_vector(7 * 5 * 3, 2);
  const attention plain{relative_position_bias<4, 3>{table.data(), 3}};
  const attention resized{resized_position_bias<4, 3>{table.data(), 3}};
  for (std::size_t q = 0; q < 12; ++q)
    for (std::size_t k = 0; k < 12; ++k) REQUIRE(expanded(plain, {4, 3}, 3, 2, q, k) == expanded(resized, {4, 3}, 3, 2, q, k));
}

TEST_CASE("resizing is bilinear with half-pixel centres and clamped edges") {
  // A window of 1 x 2 has 3 offsets, one of 1 x 4 has 7: sample i lies at (i + 1/2) 3/7 - 1/2.
  const std::vector<float> table{10.0F, 20.0F, 40.0F};
  const attention a{resized_position_bias<1, 2>{table.data(), 1}};
  for (std::size_t i = 0; i < 7; ++i) {
    const double x = std::min(2.0, std::max(0.0, (static_cast<double>(i) + 0.5) * 3.0 / 7.0 - 0.5));
    const std::size_t low = x < 1.0 ? 0 : 1;
    const double expected =
        static_cast<double>(table[low]) + (x - static_cast<double>(low)) * static_cast<double>(table[low + 1] - table[low]);
    const std::size_t q = i < 3 ? 0 : i - 3;  // query - key = i - 3
    const std::size_t k = q + 3 - i;
    CHECK(static_cast<double>(expanded(a, {1, 4}, 1, 0, q, k)) == Approx(expected).epsilon(1e-6));
  }
}

TEST_CASE("the network of log coordinates by hand") {
  // Two hidden units: relu(y) and relu(-x + 0.5); one head.
  const std::vector<float> w1{1.0F, 0.0F, 0.0F, -1.0F};
  const std::vector<float> b1{0.0F, 0.5F};
  const std::vector<float> w2{2.0F, 3.0F};
  const std::vector<float> b2{0.25F};
  const attention a{log_coordinate_bias{2, 1, w1.data(), b1.data(), w2.data(), b2.data()}};
  const double ln3 = std::log(3.0);
  const double ln2 = std::log(2.0);
  // Window 3 x 3; query 6 = (2, 0), key 2 = (0, 2): offset (2, -2).
  CHECK(static_cast<double>(expanded(a, {3, 3}, 1, 0, 6, 2)) == Approx(0.25 + 2.0 * ln3 + 3.0 * (ln3 + 0.5)).epsilon(1e-6));
  // The other way round: (-2, 2): both units are off.
  CHECK(static_cast<double>(expanded(a, {3, 3}, 1, 0, 2, 6)) == Approx(0.25).epsilon(1e-6));
  // Query 4, key 3: offset (0, 1).
  CHECK(static_cast<double>(expanded(a, {3, 3}, 1, 0, 4, 3)) == Approx(0.25 + 3.0 * std::max(0.0, 0.5 - ln2)).epsilon(1e-6));
}

TEST_CASE("neighbouring biases become one sum, and large ones are made row by row") {
  const auto one = test::normal_vector(39 * 39, 3);
  const auto two = test::normal_vector(39 * 39, 4);
  using bias = relative_position_bias<>;
  struct tagged : bias {};
  const attention a{bias{one.data(), 1}, relative_position_bias<20>{two.data(), 1}};
  STATIC_REQUIRE(detail::bias_runs<std::remove_const_t<decltype(a)>>::count == 1);
  const attention b{bias{one.data(), 1}};
  const attention c{relative_position_bias<20>{two.data(), 1}};
  for (const std::size_t q : {0U, 57U, 399U})
    for (std::size_t k = 0; k < 400; k += 37)
      REQUIRE(expanded(a, {20, 20}, 1, 0, q, k) == expanded(b, {20, 20}, 1, 0, q, k) + expanded(c, {20, 20}, 1, 0, q, k));
  // 29 x 29 tokens: 841 x 848 floats are over the limit of a matrix.
  const auto large = test::normal_vector(57 * 57, 5);
  const attention d{bias{large.data(), 1}};
  const workspace memory(expanded_bias<std::remove_const_t<decltype(d)>>::bytes({29, 29}, 1));
  arena block = memory.scratch();
  const expanded_bias<std::remove_const_t<decltype(d)>> e(d, {29, 29}, 1, block);
  CHECK(e.matrix(0, 0) == nullptr);
  CHECK(block.remaining() == 0);
  CHECK(expanded(d, {29, 29}, 1, 0, 30, 840) == large[(1 + 28 - 28) * 57 + (1 + 28 - 28)]);
}

TEST_CASE("a bias of windows in space and time") {
  // Window of 2 frames, 3 rows, 2 columns; a flat table [3 * 5 * 3, heads] at query - key.
  const window_extents w{3, 2, 2};
  const auto flat = test::normal_vector(3 * 5 * 3 * 2, 6);
  const attention a{relative_position_bias<>{flat.data(), 2}};
  const attention b{space_time_position_bias<2, 3, 2>{flat.data(), 2}};
  const attention both{space_time_position_bias<2, 3, 2>{flat.data(), 2}, relative_position_bias<>{flat.data(), 2}};
  for (std::size_t q = 0; q < 12; ++q)
    for (std::size_t k = 0; k < 12; ++k) {
      const std::size_t dt = q / 6 + 1 - k / 6;
      const std::size_t dy = q % 6 / 2 + 2 - k % 6 / 2;
      const std::size_t dx = q % 2 + 1 - k % 2;
      const float expected = flat[((dt * 5 + dy) * 3 + dx) * 2 + 1];
      REQUIRE(expanded(a, w, 2, 1, q, k) == expected);
      REQUIRE(expanded(b, w, 2, 1, q, k) == expected);
      REQUIRE(expanded(both, w, 2, 1, q, k) == expected + expected);
    }
  // The other layout counts from key - query.
  const attention c{space_time_position_bias<2, 3, 2, table_layout::key_minus_query>{flat.data(), 2}};
  CHECK(expanded(c, w, 2, 1, 0, 11) == flat[45 + 2 * 15 + 4 * 3 + 2]);
}

TEST_CASE("a bias of two axes refuses windows of several frames") {
  const std::vector<float> table(15 * 15 * 4);
  REQUIRE_THROWS_AS((relative_position_bias<7>{table.data(), 4}.check({7, 7, 2}, 4)), shape_error);
  REQUIRE_THROWS_AS((space_time_position_bias<2, 7, 7>{table.data(), 4}.check({7, 7, 3}, 4)), shape_error);
  const std::vector<float> small(9);
  const attention a{resized_position_bias<2>{small.data(), 1}};
  REQUIRE_THROWS_AS((expanded(a, {2, 2, 2}, 1, 0, 0, 0)), shape_error);
}
