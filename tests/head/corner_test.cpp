// The corner heads: expected positions worked out by hand, and the pyramid against the sums of its paper.
#include "heddle/head/corner.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "heddle/backend/reference.hpp"
#include "heddle/head/pyramid_corner.hpp"
#include "heddle/primitive/resample.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_weights.hpp"

namespace {

using namespace heddle;
using map_tensor = tensor<float, map_extents>;

constexpr float infinity = std::numeric_limits<float>::infinity();

template <class M>
map_tensor output_of(const M& m, const map_tensor& x) {
  map_tensor y(output_extents<M>(x.extents()));
  const workspace scratch(workspace_bytes<M, reference>(x.extents()));
  run<reference>(m, x.view(), y.view(), scratch);
  return y;
}

/// `x`, every cell repeated `factor` times on both axes.
map_tensor repeated(const map_tensor& x, std::size_t factor) {
  map_tensor y(map_extents(x.extent(0), factor * x.extent(1), factor * x.extent(2), x.extent(3)));
  const workspace scratch(resize_bytes(reference{}, x.extents(), y.extents(), resize_rule::nearest{}));
  resize(context<reference>{reference{}, scratch.scratch()}, x.view(), y.view(), resize_rule::nearest{});
  return y;
}

map_tensor sum_of(const map_tensor& a, const map_tensor& b) {
  map_tensor y(a.extents());
  for (std::size_t i = 0; i < y.size(); ++i) y.data()[i] = a.data()[i] + b.data()[i];
  return y;
}

map_tensor random_map(const map_extents& e, std::uint64_t seed) {
  map_tensor x(e);
  const std::vector<float> values = test::normal_vector(e.size(), seed);
  std::copy(values.begin(), values.end(), x.data());
  return x;
}

}  // namespace

TEST_CASE("the expected position under a softmax", "[corner]") {
  std::vector<float> map(12, -infinity);
  map[1 * 4 + 2] = 3.0F;
  const auto view = make_matrix<const float>(map.data(), 3, 4);
  CHECK(soft_argmax(view).x == 2.0);
  CHECK(soft_argmax(view).y == 1.0);
  map[2 * 4 + 0] = 3.0F;  // twice as likely as each alone
  CHECK(soft_argmax(view).x == 1.0);
  CHECK(soft_argmax(view).y == 1.5);
  std::fill(map.begin(), map.end(), 1e30F);
  CHECK(soft_argmax(view).x == 1.5);
  CHECK(soft_argmax(view).y == 1.0);
  map[5] = std::nanf("");
  CHECK(std::isnan(soft_argmax(view).x));
}

TEST_CASE("the softmax of a map", "[corner]") {
  std::vector<float> scores = test::normal_vector(30, 1);
  std::vector<float> p(30);
  map_softmax(scores, p);
  CHECK(std::abs(std::accumulate(p.begin(), p.end(), 0.0F) - 1.0F) < 1e-6F);
  for (float& s : scores) s += 500.0F;
  std::vector<float> shifted(30);
  map_softmax(scores, shifted);
  CHECK(test::worst(p, shifted).relative() < 1e-4);  // scores of 500 have fewer digits
  REQUIRE_THROWS_AS(map_softmax(scores, std::span<float>(p).first(29)), shape_error);
}

TEST_CASE("a corner head puts both corners next to each other", "[corner]") {
  using head_type = corner_head<corner_branch<6, 8>>;
  head_type head;
  test::bind_random_weights(head, 5);
  prepare<reference>(head);
  const map_tensor x = random_map(map_extents(2, 5, 7, 6), 9);
  const map_tensor boxes = output_of(head, x);
  const map_tensor tl = output_of(head.tl, x);
  const map_tensor br = output_of(head.br, x);
  for (std::size_t b = 0; b < 2; ++b) {
    const map_position first = soft_argmax(make_matrix(tl.data() + b * 35, 5, 7));
    const map_position second = soft_argmax(make_matrix(br.data() + b * 35, 5, 7));
    CHECK(boxes(b, 0, 0, 0) == static_cast<float>(first.x / 7));
    CHECK(boxes(b, 0, 0, 1) == static_cast<float>(first.y / 5));
    CHECK(boxes(b, 0, 0, 2) == static_cast<float>(second.x / 7));
    CHECK(boxes(b, 0, 0, 3) == static_cast<float>(second.y / 5));
  }
  REQUIRE_THROWS_AS(head_type::output_extents(map_extents(1, 5, 7, 5)), shape_error);
}

TEST_CASE("the pyramid is the sums of its paper", "[corner]") {
  pyramid_corner_branch<6, 16> branch;
  test::bind_random_weights(branch, 11);
  prepare<reference>(branch);
  const map_tensor x = random_map(map_extents(2, 3, 5, 6), 4);
  const map_tensor x2 = output_of(branch.conv2, output_of(branch.conv1, x));
  const map_tensor u1 = sum_of(repeated(output_of(branch.adjust1, x), 2), repeated(x2, 2));
  const map_tensor x3 = output_of(branch.conv3, u1);
  const map_tensor u2 = sum_of(repeated(output_of(branch.adjust2, x), 4), repeated(x3, 2));
  const map_tensor x4 = output_of(branch.conv4, u2);
  const map_tensor lower = sum_of(repeated(output_of(branch.adjust3, x2), 4), repeated(output_of(branch.adjust4, x3), 2));
  const map_tensor expected = sum_of(output_of(branch.conv5, x4), lower);
  const map_tensor actual = output_of(branch, x);
  CHECK(actual.extents() == map_extents(2, 12, 20, 1));
  CHECK(test::worst(as_span(expected.view()), as_span(actual.view())).relative() < 1e-6);
}
