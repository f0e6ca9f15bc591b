// resize, RoI pooling and grid_sample of the device against their definitions, emulated: every rule, odd sizes, boxes outside
// the map, positions that are not numbers.
#include <heddle/cuda/resample.cuh>

#include <cmath>
#include <limits>

#include "heddle/backend/reference.hpp"
#include "on_device.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;
using extents4 = dynamic_extents<4>;

/// `channels` decides how wide the accesses are.
template <class Rule, class... Factors>
void resized(const extents4& from, const extents4& to, Rule rule, const Factors&... factors) {
  const std::vector<float> x = test::normal_vector(from.size(), from.extent(3));
  std::vector<float> expected(to.size());
  const workspace memory(resize_bytes(reference{}, from, to, rule, factors...));
  resize(context<reference>{{}, memory.scratch()}, map_view<const float>(x.data(), from), map_view<float>(expected.data(), to),
         rule, factors...);
  const test::device_scratch scratch(resize_bytes(cuda<>{}, from, to, rule, factors...));
  test::on_device<float> a(x), y(std::vector<float>(to.size(), -7.0F));
  resize(scratch.ctx(), map_view<const float>(a.data(), from), map_view<float>(y.data(), to), rule, factors...);
  const auto worst = test::worst(expected, y.to_host());
  INFO(from.extent(1) << ' ' << from.extent(2) << " to " << to.extent(1) << ' ' << to.extent(2) << ": " << worst.text());
  CHECK(worst.relative() < 1e-5);
}

template <class Rule>
void resized_to_many(Rule rule) {
  resized({2, 5, 7, 3}, {2, 9, 4, 3}, rule);
  resized({1, 6, 6, 8}, {1, 13, 12, 8}, rule);
  resized({2, 40, 33, 4}, {2, 3, 2, 4}, rule);  // two passes where the rule has many taps
  resized({1, 1, 1, 5}, {1, 3, 2, 5}, rule);
}

std::vector<float> random_boxes(std::size_t count, std::size_t images) {
  test::generator random(3);
  std::vector<float> boxes;
  for (std::size_t i = 0; i < count; ++i) {
    boxes.push_back(static_cast<float>(random.integer(0, images - 1)));
    for (int k = 0; k < 4; ++k) boxes.push_back(static_cast<float>(k < 2 ? random.uniform(-4, 8) : random.uniform(-2, 14)));
  }
  // On whole coordinates, empty, and far outside.
  const float special[][5] = {{0, 0, 0, 8, 8}, {0, 3, 3, 3, 3}, {1, -1, -1, 3, 3}, {0, 1e6F, 0, 2e6F, 4}};
  for (const auto& box : special) boxes.insert(boxes.end(), box, box + 5);
  return boxes;
}

/// `pool(context, x, boxes, y)` of both backends.
template <class Pool>
void pooled(std::size_t channels, Pool pool) {
  const extents4 from(2, 11, 9, channels);
  const std::vector<float> x = test::normal_vector(from.size(), 4);
  const std::vector<float> boxes = random_boxes(6, 2);
  const std::size_t count = boxes.size() / 5;
  const extents4 to(count, 3, 4, channels);
  std::vector<float> expected(to.size());
  const workspace memory(roi_bytes(reference{}, from, to));
  pool(context<reference>{{}, memory.scratch()}, map_view<const float>(x.data(), from), make_matrix(boxes.data(), count, 5),
       map_view<float>(expected.data(), to));
  const test::device_scratch scratch(roi_bytes(cuda<>{}, from, to));
  test::on_device<float> a(x), b(boxes), y(std::vector<float>(to.size(), -7.0F));
  pool(scratch.ctx(), map_view<const float>(a.data(), from), make_matrix<const float>(b.data(), count, 5),
       map_view<float>(y.data(), to));
  const auto worst = test::worst(expected, y.to_host());
  INFO(worst.text());
  CHECK(worst.relative() < 1e-5);
}

template <class Mode, class Padding, class Align>
void sampled(Mode mode, Padding padding, Align align, std::size_t channels) {
  const extents4 from(2, 6, 5, channels), at(2, 4, 7, 2), to(2, 4, 7, channels);
  const std::vector<float> x = test::normal_vector(from.size(), 6);
  std::vector<float> grid = test::normal_vector(at.size(), 7, 0.8);
  for (std::size_t i = 0; i < 20; ++i) grid[i] = static_cast<float>(i) * 0.2F - 2.0F;  // between two pixels, where ties round
  grid[30] = std::numeric_limits<float>::infinity();
  grid[33] = std::numeric_limits<float>::quiet_NaN();
  grid[35] = -1e30F;
  std::vector<float> expected(to.size());
  grid_sample(context<reference>{}, map_view<const float>(x.data(), from), map_view<const float>(grid.data(), at),
              map_view<float>(expected.data(), to), mode, padding, align);
  test::on_device<float> a(x), g(grid), y(std::vector<float>(to.size(), -7.0F));
  grid_sample(test::device_scratch().ctx(), map_view<const float>(a.data(), from), map_view<const float>(g.data(), at),
              map_view<float>(y.data(), to), mode, padding, align);
  const auto worst = test::worst(expected, y.to_host());
  INFO(worst.text());
  CHECK(worst.relative() < 1e-5);
}

}  // namespace

TEST_CASE("maps resized by a device", "[resample]") {
  test::in_both_orders([] {
    resized_to_many(resize_rule::nearest{});
    resized_to_many(resize_rule::nearest_exact{});
    resized_to_many(resize_rule::area{});
    resized_to_many(resize_rule::bilinear<>{});
    resized_to_many(resize_rule::bilinear<true>{});
    resized_to_many(resize_rule::bicubic<>{});
    resized_to_many(resize_rule::bicubic_antialiased{});
    resized({1, 5, 7, 4}, {1, 7, 9, 4}, resize_rule::nearest{}, resize_factors{1.5, 1.3});
    resized({1, 5, 7, 4}, {1, 7, 9, 4}, resize_rule::bicubic<>{}, resize_factors{1.5, 1.3});
  });
}

TEST_CASE("boxes of maps pooled by a device", "[resample]") {
  for (const std::size_t channels : std::initializer_list<std::size_t>{3, 8}) {
    test::in_both_orders([&] {
      pooled(channels, [](auto ctx, auto x, auto rois, auto y) {
        roi_align(ctx, x, rois, y, {.scale = 0.75F, .samples = 0, .aligned = true});
      });
      pooled(channels, [](auto ctx, auto x, auto rois, auto y) {
        roi_align(ctx, x, rois, y, {.scale = 1.0F, .samples = 2, .aligned = false});
      });
      pooled(channels, [](auto ctx, auto x, auto rois, auto y) { precise_roi_pool(ctx, x, rois, y, 0.5F); });
    });
  }
}

TEST_CASE("a box that names no image gives what is not a number on a device", "[resample]") {
  const extents4 from(1, 3, 3, 4), to(3, 2, 2, 4);
  const test::device_scratch scratch(roi_bytes(cuda<>{}, from, to));
  test::on_device<float> x(test::normal_vector(from.size(), 1)), y(std::vector<float>(to.size()));
  test::on_device<float> rois(
      std::vector<float>{0, 0, 0, 2, 2, 1, 0, 0, 2, 2, std::numeric_limits<float>::quiet_NaN(), 0, 0, 2, 2});
  precise_roi_pool(scratch.ctx(), map_view<const float>(x.data(), from), make_matrix<const float>(rois.data(), 3, 5),
                   map_view<float>(y.data(), to));
  const std::vector<float> values = y.to_host();
  for (std::size_t i = 0; i < values.size(); ++i) CHECK(std::isnan(values[i]) == (i >= values.size() / 3));
}

TEST_CASE("maps read at positions by a device", "[resample]") {
  using namespace grid_mode;
  using namespace grid_padding;
  for (const std::size_t channels : std::initializer_list<std::size_t>{3, 8}) {
    sampled(bilinear{}, zeros{}, align_corners<false>{}, channels);
    sampled(nearest{}, zeros{}, align_corners<true>{}, channels);
    sampled(nearest{}, border{}, align_corners<false>{}, channels);
    sampled(bicubic{}, reflection{}, align_corners<false>{}, channels);
    sampled(bilinear{}, reflection{}, align_corners<true>{}, channels);
    sampled(bicubic{}, zeros{}, align_corners<false>{}, channels);
  }
}
