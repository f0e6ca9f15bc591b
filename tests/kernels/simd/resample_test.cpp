// resize, grid_sample, roi_align and precise_roi_pool against the reference on random shapes: one pixel, odd channels,
// around the vector width, and the same bits for any number of workers.
#include <heddle/reference/resample.hpp>
#include <heddle/simd/resample.hpp>

#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/random.hpp"

namespace {

using heddle::context;
using heddle::dynamic_extents;
using heddle::map_view;
using heddle::reference;
using heddle::simd;
namespace rule = heddle::resize_rule;

/// Hands out indices from the last to the first, to three workers.
struct three_workers {
  static constexpr std::size_t concurrency() noexcept { return 3; }
  template <class F>
  void parallel_for(std::size_t count, F&& f) const {
    for (std::size_t i = count; i-- > 0;) f(i, i % 3);
  }
};
using spread = heddle::simd_on<three_workers>;

struct map {
  dynamic_extents<4> extents;
  std::vector<float> values;

  explicit map(const dynamic_extents<4>& e) : extents(e), values(e.size(), -7.0f) {}
  map(const dynamic_extents<4>& e, std::uint64_t seed) : extents(e), values(heddle::test::normal_vector(e.size(), seed)) {}
  map_view<const float> in() const { return {values.data(), extents}; }
  map_view<float> out() { return {values.data(), extents}; }
};

template <class Run, class Bytes>
void compare(const dynamic_extents<4>& shape, Run run, Bytes bytes) {
  const auto on = [&](auto backend) {
    map y(shape);
    heddle::workspace scratch(bytes(backend));
    run(context<decltype(backend)>{backend, scratch.scratch()}, y.out());
    return y.values;
  };
  const std::vector<float> expected = on(reference{});
  const std::vector<float> got = on(simd{});
  const auto difference = heddle::test::worst(expected, got);
  INFO(difference.text());
  REQUIRE(difference.relative() < 1e-5);
  REQUIRE(on(spread{}) == got);
}

template <class Rule>
void compare_resize(Rule r, std::uint64_t seed) {
  heddle::test::generator random(seed);
  for (int i = 0; i < 12; ++i) {
    const map x({random.integer(1, 2), random.integer(1, 9), random.integer(1, 9), random.integer(1, 35)}, random.bits());
    const dynamic_extents<4> shape(x.extents.extent(0), random.integer(1, 14), random.integer(1, 14), x.extents.extent(3));
    compare(
        shape, [&](auto ctx, auto y) { heddle::resize(ctx, x.in(), y, r); },
        [&](auto backend) { return heddle::resize_bytes(backend, x.extents, shape, r); });
  }
}

}  // namespace

TEST_CASE("simd resize equals the reference") {
  compare_resize(rule::nearest{}, 1);
  compare_resize(rule::nearest_exact{}, 2);
  compare_resize(rule::area{}, 3);
  compare_resize(rule::bilinear<>{}, 4);
  compare_resize(rule::bilinear<true>{}, 5);
  compare_resize(rule::bicubic<>{}, 6);
  compare_resize(rule::bicubic<true>{}, 7);
  compare_resize(rule::bilinear_antialiased{}, 8);
  compare_resize(rule::bicubic_antialiased{}, 9);
}

TEST_CASE("simd resize by a factor equals the reference") {
  for (const double factor : {0.3, 0.5, 1.7, 2.0}) {
    const map x({2, 7, 10, 5}, 11);
    const heddle::resize_factors factors{factor, factor};
    const auto length = [&](std::size_t n) { return heddle::resize_axis::by(n, factor).outputs; };
    const dynamic_extents<4> shape(2, length(7), length(10), 5);
    compare(
        shape, [&](auto ctx, auto y) { heddle::resize(ctx, x.in(), y, rule::bicubic<>{}, factors); },
        [&](auto backend) { return heddle::resize_bytes(backend, x.extents, shape, rule::bicubic<>{}, factors); });
  }
}

namespace {

template <class Mode, class Padding, bool Align>
void compare_grid(std::uint64_t seed) {
  heddle::test::generator random(seed);
  for (int i = 0; i < 4; ++i) {
    const map x({random.integer(1, 2), random.integer(1, 9), random.integer(1, 9), random.integer(1, 35)}, random.bits());
    map grid({x.extents.extent(0), random.integer(1, 9), random.integer(1, 9), 2}, random.bits());
    grid.values[0] = 1e20f;
    grid.values[1] = -1.0f;
    const dynamic_extents<4> shape(x.extents.extent(0), grid.extents.extent(1), grid.extents.extent(2), x.extents.extent(3));
    compare(
        shape,
        [&](auto ctx, auto y) {
          heddle::grid_sample(ctx, x.in(), grid.in(), y, Mode{}, Padding{}, heddle::align_corners<Align>{});
        },
        [](auto) { return std::size_t{0}; });
  }
}

template <class Mode>
void compare_paddings(std::uint64_t seed) {
  namespace padding = heddle::grid_padding;
  compare_grid<Mode, padding::zeros, false>(seed);
  compare_grid<Mode, padding::zeros, true>(seed + 1);
  compare_grid<Mode, padding::border, false>(seed + 2);
  compare_grid<Mode, padding::border, true>(seed + 3);
  compare_grid<Mode, padding::reflection, false>(seed + 4);
  compare_grid<Mode, padding::reflection, true>(seed + 5);
}

}  // namespace

TEST_CASE("simd grid_sample equals the reference") {
  compare_paddings<heddle::grid_mode::nearest>(100);
  compare_paddings<heddle::grid_mode::bilinear>(200);
  compare_paddings<heddle::grid_mode::bicubic>(300);
}

TEST_CASE("simd roi_align and precise_roi_pool equal the reference") {
  heddle::test::generator random(17);
  for (int i = 0; i < 20; ++i) {
    const map x({random.integer(1, 2), random.integer(1, 9), random.integer(1, 9), random.integer(1, 35)}, random.bits());
    const std::size_t count = random.integer(0, 4);
    std::vector<float> rois;
    for (std::size_t r = 0; r < count; ++r) {
      rois.push_back(static_cast<float>(random.integer(0, x.extents.extent(0) - 1)));
      for (int k = 0; k < 4; ++k) rois.push_back(static_cast<float>(random.uniform(-3.0, 12.0)));
    }
    const auto boxes = heddle::make_matrix(static_cast<const float*>(rois.data()), count, 5);
    const dynamic_extents<4> shape(count, random.integer(1, 5), random.integer(1, 5), x.extents.extent(3));
    const auto bytes = [&](auto backend) { return heddle::roi_bytes(backend, x.extents, shape); };
    compare(shape, [&](auto ctx, auto y) { heddle::precise_roi_pool(ctx, x.in(), boxes, y, 0.7f); }, bytes);
    for (const bool aligned : {false, true})
      for (const std::size_t samples : {std::size_t{0}, std::size_t{2}})
        compare(shape, [&](auto ctx, auto y) { heddle::roi_align(ctx, x.in(), boxes, y, {0.7f, samples, aligned}); }, bytes);
  }
}
