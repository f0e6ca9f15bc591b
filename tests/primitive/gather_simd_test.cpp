#include <heddle/reference/gather.hpp>
#include <heddle/simd/gather.hpp>

#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/random.hpp"

using namespace heddle;

namespace {

template <class Backend>
void check_by_hand() {
  const std::vector<float> x{1, 2, 3, 4, 5, 6};  // [3, 2]
  const std::vector<std::int32_t> positions{2, -1, 0, 2};
  std::vector<float> y(8, 9.0F);
  const context<Backend> ctx{};
  gather_rows(ctx, make_matrix(x.data(), 3, 2), positions, make_matrix(y.data(), 4, 2));
  CHECK(y == std::vector<float>{5, 6, 0, 0, 1, 2, 5, 6});

  std::vector<float> z(6, 10.0F);
  scatter_rows(ctx, make_matrix<const float>(y.data(), 4, 2), positions, make_matrix(z.data(), 3, 2));
  CHECK(z == std::vector<float>{1, 2, 10, 10, 5, 6});
  const std::vector<float> weights{1, 100, 3, 0.5F};
  scatter_add_rows(ctx, make_matrix<const float>(y.data(), 4, 2), positions, make_matrix(z.data(), 3, 2), weights);
  CHECK(z == std::vector<float>{4, 8, 10, 10, 12.5F, 15});
  scatter_max_rows(ctx, make_matrix<const float>(y.data(), 4, 2), std::vector<std::int32_t>{0, 1, -1, 0},
                   make_matrix(z.data(), 3, 2));
  CHECK(z == std::vector<float>{5, 8, 10, 10, 12.5F, 15});
}

/// Rows of a wider matrix: the floats between them must not be touched.
void check_against_reference(std::size_t rows, std::size_t positions_count, std::size_t columns) {
  test::generator random(rows * 100 + columns);
  const std::size_t pitch = columns + 3;
  const std::vector<float> x = test::normal_vector(rows * pitch, 7);
  const std::vector<float> wide = test::normal_vector(positions_count * pitch, 8);
  const std::vector<float> weights = test::normal_vector(positions_count, 9);
  std::vector<std::int32_t> positions;
  for (std::size_t i = 0; i < positions_count; ++i) positions.push_back(static_cast<std::int32_t>(random.integer(0, rows)) - 1);
  const auto in = make_matrix(x.data(), rows, columns, pitch);
  const auto many = make_matrix(wide.data(), positions_count, columns, pitch);
  std::vector<float> got[2][4];
  const auto run = [&](auto backend, std::vector<float>(&out)[4]) {
    const context<decltype(backend)> ctx{};
    for (int i = 0; i < 4; ++i) out[i] = test::normal_vector((i == 0 ? positions_count : rows) * pitch, 10);
    gather_rows(ctx, in, positions, make_matrix(out[0].data(), positions_count, columns, pitch));
    scatter_rows(ctx, many, positions, make_matrix(out[1].data(), rows, columns, pitch));
    scatter_add_rows(ctx, many, positions, make_matrix(out[2].data(), rows, columns, pitch), weights);
    scatter_max_rows(ctx, many, positions, make_matrix(out[3].data(), rows, columns, pitch));
  };
  run(reference{}, got[0]);
  run(simd{}, got[1]);
  CHECK(got[0][0] == got[1][0]);
  CHECK(got[0][1] == got[1][1]);
  CHECK(got[0][3] == got[1][3]);
  CHECK(test::worst(got[0][2], got[1][2]).relative() < 1e-6);
}

}  // namespace

TEST_CASE("rows are gathered, scattered and added up by positions") {
  check_by_hand<reference>();
  check_by_hand<simd>();
  for (const std::size_t columns : {1U, 3U, 16U, 17U, 70U}) check_against_reference(9, 13, columns);
  check_against_reference(1, 1, 5);
}

TEST_CASE("positions that do not exist are refused before any work") {
  std::vector<float> x(6);
  std::vector<float> y(4, 1.0F);
  const std::vector<std::int32_t> positions{0, 3};
  [[maybe_unused]] const context<simd> ctx{};
  REQUIRE_THROWS_AS(gather_rows(ctx, make_matrix<const float>(x.data(), 3, 2), positions, make_matrix(y.data(), 2, 2)),
                    shape_error);
  REQUIRE_THROWS_AS(scatter_rows(ctx, make_matrix<const float>(y.data(), 2, 2), positions, make_matrix(x.data(), 3, 2)),
                    shape_error);
  REQUIRE_THROWS_AS(gather_rows(ctx, make_matrix<const float>(x.data(), 3, 2), positions, make_matrix(y.data(), 1, 2)),
                    shape_error);
  CHECK(y == std::vector<float>(4, 1.0F));
}
