// Inverse transform sampling on the device: order, distribution, points and picks of the definition to the last bit, whether
// sums are exact or not.
#include <heddle/cuda/inverse_cdf.cuh>

#include <cmath>
#include <limits>

#include "heddle/backend/reference.hpp"
#include "on_device.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;
using list = std::vector<std::int32_t>;

struct result {
  list picked, order;
  std::vector<float> distribution, points;
};

result defined(const std::vector<float>& scores, const inverse_cdf_options& options) {
  const std::size_t n = scores.size();
  result r{list(inverse_cdf_limit(n, options.points), -1), list(n), std::vector<float>(n), std::vector<float>(options.points)};
  const workspace memory(inverse_cdf_bytes(reference{}, n));
  inverse_cdf(context<reference>{{}, memory.scratch()}, scores, options, r.picked, {r.order, r.distribution, r.points});
  return r;
}

/// The picks that are not there are -1 on a device, as `defined` has them.
void check(const std::vector<float>& scores, const inverse_cdf_options& options) {
  const result expected = defined(scores, options);
  const test::device_scratch scratch(inverse_cdf_bytes(cuda<>{}, scores.size()));
  test::on_device<float> x(scores), distribution(expected.distribution), points(expected.points);
  test::on_device<std::int32_t> picked(list(expected.picked.size(), -7)), order(list(scores.size(), -7));
  const std::size_t count =
      inverse_cdf(scratch.ctx(), x.span(), options, picked.span(), {order.span(), distribution.span(), points.span()});
  INFO(scores.size() << " scores, " << options.points << " points");
  std::size_t found = 0;
  while (found < expected.picked.size() && expected.picked[found] != -1) ++found;
  CHECK(count == found);
  CHECK(picked.to_host() == expected.picked);
  CHECK(order.to_host() == expected.order);
  CHECK(distribution.to_host() == expected.distribution);
  CHECK(points.to_host() == expected.points);
}

/// Exponentials of normal numbers: `spread` makes their sums inexact.
std::vector<float> scores_of(std::size_t count, double spread) {
  std::vector<float> scores = test::normal_vector(count, count, spread);
  for (float& s : scores) s = std::exp(s);
  for (std::size_t i = 3; i < count; i += 7) scores[i] = scores[i - 1];
  return scores;
}

}  // namespace

TEST_CASE("scores sampled by a device", "[inverse_cdf]") {
  test::in_both_orders([] {
    check({0.2F, 0.4F, 0.1F, 0.3F}, {3});
    check({0.2F, 0.4F, 0.1F, 0.3F}, {4, true});
    check({0.2F, 0.4F, 0.1F, 0.3F}, {1});
    for (const std::size_t n : std::initializer_list<std::size_t>{2, 31, 197, 300}) {
      check(scores_of(n, 1.0), {n / 2 + 1});
      check(scores_of(n, 1.0), {n, true});
      check(scores_of(n, 12.0), {n});
    }
    std::vector<float> concentrated(300, 0.001F);
    concentrated[17] = 10.0F;
    check(concentrated, {300});
  });
}

TEST_CASE("scores that tell nothing apart on a device", "[inverse_cdf]") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float infinity = std::numeric_limits<float>::infinity();
  check({3.0F}, {5});
  check({0.0F, 0.0F, 0.0F}, {5});
  check({nan, -1.0F, infinity, nan}, {5});
  check({nan, 1.0F, infinity, 2.0F}, {4});
  check({3e38F, 3e38F, 3e38F}, {3});
  check({1e-45F, 1e-44F, 3e-40F, 1e-30F}, {4});
}

TEST_CASE("more scores than shared memory holds", "[inverse_cdf]") {
  const std::vector<float> scores = scores_of(4200, 1.0);
  const result expected = defined(scores, {2});
  const test::device_scratch scratch(inverse_cdf_bytes(cuda<>{}, scores.size()));
  test::on_device<float> x(scores);
  test::on_device<std::int32_t> picked(list(2));
  CHECK(inverse_cdf(scratch.ctx(), x.span(), {2}, picked.span()) == 2);
  CHECK(picked.to_host() == expected.picked);
}
