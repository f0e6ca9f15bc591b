// Heat maps to positions on the emulated device: what the reference says of them, in both orders of lanes.
#include <heddle/backend/reference.hpp>
#include <heddle/cuda/expected_positions.cuh>
#include <heddle/model/module.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/kernels/cuda/on_device.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

using namespace heddle;

namespace {

constexpr std::size_t pitch = 4;  // the columns of boxes

std::vector<float> expected(const std::vector<float>& scores, const map_extents& e) {
  std::vector<float> y(e.extent(0) * pitch, 7.0F);
  expected_positions(context<reference>{}, map_view<const float>(scores.data(), e),
                     make_matrix(y.data() + 2, e.extent(0), 2, pitch));
  return y;
}

std::vector<float> got(const std::vector<float>& scores, const map_extents& e) {
  test::on_device<float> x(scores);
  test::on_device<float> y(std::vector<float>(e.extent(0) * pitch, 7.0F));
  test::in_both_orders([&] {
    expected_positions(context<cuda<>>{}, map_view<const float>(x.data(), e), make_matrix(y.data() + 2, e.extent(0), 2, pitch));
  });
  return y.to_host();
}

}  // namespace

TEST_CASE("expected positions on a device are those of the definition", "[cuda]") {
  for (const map_extents& e :
       {map_extents(3, 18, 18, 1), map_extents(1, 1, 1, 1), map_extents(2, 5, 7, 1), map_extents(1, 72, 40, 1)}) {
    std::vector<float> scores = test::normal_vector(e.size(), 3);
    for (float& s : scores) s = 4.0F * s + 30.0F;
    CHECK(test::worst(expected(scores, e), got(scores, e)).relative() < 1e-6);
  }
}

TEST_CASE("a peak is where it is, whatever lies around it", "[cuda]") {
  const map_extents e(2, 9, 33, 1);
  std::vector<float> scores(e.size(), -std::numeric_limits<float>::infinity());
  scores[4 * 33 + 20] = 1e30F;
  scores[9 * 33 + 8 * 33 + 2] = -1e30F;  // of the second map
  const std::vector<float> y = got(scores, e);
  CHECK(y[2] == 20.0F / 33.0F);
  CHECK(y[3] == 4.0F / 9.0F);
  CHECK(y[6] == 2.0F / 33.0F);
  CHECK(y[7] == 8.0F / 9.0F);
  CHECK(y[0] == 7.0F);  // beside the positions
}

TEST_CASE("scores that are no numbers give no position", "[cuda]") {
  const map_extents e(3, 4, 4, 1);
  std::vector<float> scores(e.size(), 0.5F);
  scores[5] = std::numeric_limits<float>::quiet_NaN();
  for (std::size_t i = 16; i < 32; ++i) scores[i] = -std::numeric_limits<float>::infinity();
  const std::vector<float> y = got(scores, e);
  CHECK((std::isnan(y[2]) && std::isnan(y[3])));
  CHECK((std::isnan(y[6]) && std::isnan(y[7])));
  CHECK((y[10] == 0.375F && y[11] == 0.375F));
}

#if HEDDLE_HAS_EXCEPTIONS
TEST_CASE("expected positions on a device refuse memory of the host", "[cuda]") {
  std::vector<float> scores(16), y(2);
  const map_view<const float> x(scores.data(), map_extents(1, 4, 4, 1));
  REQUIRE_THROWS_AS(expected_positions(context<cuda<>>{}, x, make_matrix(y.data(), 1, 2)), device_error);
}
#endif
