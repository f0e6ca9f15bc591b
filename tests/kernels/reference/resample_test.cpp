// The definitions of resize, grid_sample, roi_align and precise_roi_pool against cases worked out by hand and algebra.
#include <heddle/reference/resample.hpp>

#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/random.hpp"

namespace {

using heddle::context;
using heddle::dynamic_extents;
using heddle::map_view;
using heddle::reference;
namespace rule = heddle::resize_rule;
namespace mode = heddle::grid_mode;
namespace padding = heddle::grid_padding;

map_view<const float> in(const std::vector<float>& v, std::size_t b, std::size_t h, std::size_t w, std::size_t c) {
  return {v.data(), dynamic_extents<4>(b, h, w, c)};
}
map_view<float> out(std::vector<float>& v, std::size_t b, std::size_t h, std::size_t w, std::size_t c) {
  v.assign(b * h * w * c, -1.0f);
  return {v.data(), dynamic_extents<4>(b, h, w, c)};
}

/// A row of pixels resized to `o` pixels.
template <class Rule>
std::vector<float> row(const std::vector<float>& x, std::size_t o, Rule r) {
  std::vector<float> y;
  const auto from = in(x, 1, 1, x.size(), 1);
  const auto to = out(y, 1, 1, o, 1);
  heddle::workspace scratch(heddle::resize_bytes(reference{}, from.extents(), to.extents(), r));
  heddle::resize(context<reference>{{}, scratch.scratch()}, from, to, r);
  return y;
}

void require_near(const std::vector<float>& got, const std::vector<float>& expected) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) REQUIRE(got[i] == Approx(expected[i]).margin(1e-6));
}

}  // namespace

TEST_CASE("resize: each rule on a short row") {
  const std::vector<float> x{0, 4, 8, 20};
  require_near(row(x, 2, rule::nearest{}), {0, 8});
  require_near(row(x, 2, rule::nearest_exact{}), {4, 20});
  require_near(row(x, 3, rule::nearest{}), {0, 4, 8});
  require_near(row(x, 3, rule::area{}), {2, 6, 14});
  require_near(row(x, 2, rule::bilinear<>{}), {2, 14});
  require_near(row(x, 2, rule::bilinear<true>{}), {0, 20});
  require_near(row({0, 1}, 4, rule::bilinear<>{}), {0, 0.25f, 0.75f, 1});
  require_near(row({0, 1}, 3, rule::bilinear<true>{}), {0, 0.5f, 1});
  // Half-way weights of the cubic kernel with a = -3/4: -3/32, 19/32, 19/32, -3/32.
  require_near(row({1, 2, 4, 8}, 2, rule::bicubic<>{}),
               {(-3.0f * 1 + 19 * 1 + 19 * 2 - 3 * 4) / 32, (-3.0f * 2 + 19 * 4 + 19 * 8 - 3 * 8) / 32});
  // The triangle stretched to twice its width: weights 1, 3, 3, 1 of which one falls off each end.
  require_near(row({1, 2, 4, 8}, 2, rule::bilinear_antialiased{}), {(3.0f * 1 + 3 * 2 + 4) / 7, (2.0f + 3 * 4 + 3 * 8) / 7});
}

TEST_CASE("resize: one pixel fills the map, and a map of equal pixels stays equal") {
  const auto constant = [](auto r) {
    for (const std::size_t n : {std::size_t{1}, std::size_t{3}, std::size_t{7}})
      for (const std::size_t o : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{10}})
        require_near(row(std::vector<float>(n, 2.5f), o, r), std::vector<float>(o, 2.5f));
  };
  constant(rule::nearest{});
  constant(rule::nearest_exact{});
  constant(rule::area{});
  constant(rule::bilinear<>{});
  constant(rule::bilinear<true>{});
  constant(rule::bicubic<>{});
  constant(rule::bicubic<true>{});
  constant(rule::bilinear_antialiased{});
  constant(rule::bicubic_antialiased{});
}

TEST_CASE("resize: to the same size is the identity") {
  const auto x = heddle::test::normal_vector(9, 1);
  for (const auto& y :
       {row(x, 9, rule::nearest{}), row(x, 9, rule::nearest_exact{}), row(x, 9, rule::area{}), row(x, 9, rule::bilinear<>{}),
        row(x, 9, rule::bilinear<true>{}), row(x, 9, rule::bicubic<>{}), row(x, 9, rule::bicubic<true>{}),
        row(x, 9, rule::bilinear_antialiased{}), row(x, 9, rule::bicubic_antialiased{})})
    require_near(y, x);
}

TEST_CASE("resize: a factor gives the length and enters the positions") {
  const std::vector<float> x{0, 1, 2, 3, 4};
  const auto from = in(x, 1, 1, 5, 1);
  std::vector<float> y;
  const auto to = out(y, 1, 1, 2, 1);
  heddle::workspace scratch(heddle::resize_bytes(reference{}, from.extents(), to.extents(), rule::bilinear<>{}, {1.0, 0.5}));
  heddle::resize(context<reference>{{}, scratch.scratch()}, from, to, rule::bilinear<>{}, {1.0, 0.5});
  require_near(y, {0.5f, 2.5f});  // by length it would be 0.75 and 3.25
  std::vector<float> wrong;
  CHECK_THROWS_AS(
      heddle::resize(context<reference>{{}, scratch.scratch()}, from, out(wrong, 1, 1, 3, 1), rule::bilinear<>{}, {1.0, 0.5}),
      heddle::shape_error);
}

TEST_CASE("resize: wrong shapes are refused") {
  const std::vector<float> x(12);
  std::vector<float> y;
  [[maybe_unused]] const context<reference> ctx{};
  CHECK_THROWS_AS(heddle::resize(ctx, in(x, 1, 2, 3, 2), out(y, 2, 2, 3, 2), rule::nearest{}), heddle::shape_error);
  CHECK_THROWS_AS(heddle::resize(ctx, in(x, 1, 2, 3, 2), out(y, 1, 2, 3, 1), rule::nearest{}), heddle::shape_error);
  CHECK_THROWS_AS(heddle::resize(ctx, in(x, 1, 0, 3, 2), out(y, 1, 2, 3, 2), rule::nearest{}), heddle::shape_error);
  CHECK_THROWS_AS(heddle::resize(ctx, in(x, 1, 2, 3, 2), out(y, 1, 2, 3, 2), rule::nearest{}), heddle::workspace_error);
}

namespace {

/// One row of pixels read at one horizontal coordinate.
template <class Mode, class Padding, bool Align>
float at(const std::vector<float>& x, float g) {
  const std::vector<float> grid{g, 0.0f};
  std::vector<float> y;
  heddle::grid_sample(context<reference>{}, in(x, 1, 1, x.size(), 1), in(grid, 1, 1, 1, 2), out(y, 1, 1, 1, 1), Mode{},
                      Padding{}, heddle::align_corners<Align>{});
  return y[0];
}

}  // namespace

TEST_CASE("grid_sample: positions, paddings and modes") {
  const std::vector<float> x{1, 2, 4, 8};
  REQUIRE(at<mode::bilinear, padding::zeros, true>(x, -1.0f) == 1.0f);
  REQUIRE(at<mode::bilinear, padding::zeros, true>(x, 0.0f) == 3.0f);
  REQUIRE(at<mode::bilinear, padding::zeros, false>(x, -1.0f) == 0.5f);  // the outer edge: half of it is outside
  REQUIRE(at<mode::bilinear, padding::border, false>(x, -1.0f) == 1.0f);
  REQUIRE(at<mode::bilinear, padding::border, false>(x, 3.0f) == 8.0f);
  REQUIRE(at<mode::bilinear, padding::zeros, false>(x, 3.0f) == 0.0f);
  REQUIRE(at<mode::bilinear, padding::reflection, true>(x, 1.0f + 2.0f / 3.0f) == Approx(4.0f));
  REQUIRE(at<mode::bilinear, padding::reflection, false>(x, 1.5f) == Approx(6.0f));  // 4.5 mirrored at 3.5
  REQUIRE(at<mode::nearest, padding::zeros, true>(x, 0.0f) == 4.0f);                 // 1.5 to even
  REQUIRE(at<mode::nearest, padding::zeros, true>(x, -2.0f / 3.0f) == 1.0f);         // 0.5 to even
  REQUIRE(at<mode::bicubic, padding::zeros, true>(x, 0.0f) == Approx((-3.0f * 1 + 19 * 2 + 19 * 4 - 3 * 8) / 32));
  REQUIRE(at<mode::bicubic, padding::border, true>(x, 1.0f) == Approx(8.0f));
}

TEST_CASE("grid_sample: coordinates far away or not numbers end the same way") {
  const std::vector<float> x{1, 2, 4, 8};
  const float infinity = std::numeric_limits<float>::infinity();
  REQUIRE(at<mode::bilinear, padding::zeros, false>(x, infinity) == 0.0f);
  REQUIRE(at<mode::bicubic, padding::zeros, false>(x, -infinity) == 0.0f);
  REQUIRE(at<mode::nearest, padding::border, false>(x, infinity) == 8.0f);
  REQUIRE(at<mode::bilinear, padding::border, true>(x, -1e30f) == 1.0f);
  REQUIRE(std::isfinite(at<mode::bicubic, padding::reflection, false>(x, infinity)));
  REQUIRE(std::isnan(at<mode::bilinear, padding::zeros, false>(x, std::numeric_limits<float>::quiet_NaN())));
  REQUIRE(at<mode::bilinear, padding::reflection, true>({3}, 0.7f) == 3.0f);  // one pixel: an interval without length
}

namespace {

template <class Pool>
std::vector<float> pooled(const map_view<const float>& x, const std::vector<float>& rois, std::size_t rows, std::size_t columns,
                          Pool pool) {
  std::vector<float> y;
  const std::size_t count = rois.size() / 5;
  const auto to = out(y, count, rows, columns, x.extent(3));
  heddle::workspace scratch(heddle::roi_bytes(reference{}, x.extents(), to.extents()));
  pool(context<reference>{{}, scratch.scratch()}, x, heddle::make_matrix(rois.data(), count, 5), to);
  return y;
}

const auto precise = [](auto ctx, auto x, auto rois, auto y) { heddle::precise_roi_pool(ctx, x, rois, y); };
auto align(std::size_t samples, bool aligned) {
  return [=](auto ctx, auto x, auto rois, auto y) { heddle::roi_align(ctx, x, rois, y, {1.0f, samples, aligned}); };
}

}  // namespace

TEST_CASE("roi_align and precise_roi_pool: a plane gives its value at the bins' centres") {
  std::vector<float> plane(6 * 8);
  for (std::size_t i = 0; i < 6; ++i)
    for (std::size_t j = 0; j < 8; ++j) plane[i * 8 + j] = static_cast<float>(10 * i + j);
  const auto x = in(plane, 1, 6, 8, 1);
  const std::vector<float> box{0, 1, 2, 5, 4};  // bins of 1 x 2 around (2.5, 2), (2.5, 4) ...
  require_near(pooled(x, box, 2, 2, precise), {27, 29, 37, 39});
  for (const std::size_t samples : {std::size_t{0}, std::size_t{1}, std::size_t{3}}) {
    require_near(pooled(x, box, 2, 2, align(samples, false)), {27, 29, 37, 39});
    require_near(pooled(x, box, 2, 2, align(samples, true)), {21.5f, 23.5f, 31.5f, 33.5f});
  }
}

TEST_CASE("roi_align and precise_roi_pool: boxes at and beyond the edges") {
  const std::vector<float> ones(3 * 3, 1.0f);
  const auto x = in(ones, 1, 3, 3, 1);
  require_near(pooled(x, {0, 10, 10, 20, 20}, 1, 1, precise), {0});
  require_near(pooled(x, {0, 1, 1, 1, 2}, 1, 1, precise), {0});     // no area
  require_near(pooled(x, {0, 2, 0, 3, 2}, 1, 1, precise), {0.5f});  // the surface falls to zero over one cell
  require_near(pooled(x, {0, 10, 10, 20, 20}, 1, 1, align(2, false)), {0});
  require_near(pooled(x, {0, 2, 2, 3, 3}, 1, 1, align(2, false)), {1});  // clamped to the last pixel
  require_near(pooled(x, {0, 2, 2, 1, 1}, 1, 1, align(2, true)), {1});   // turned round: the same samples
  require_near(pooled(x, {0, 2, 2, 1, 1}, 1, 1, align(0, true)), {0});   // no samples
}

TEST_CASE("roi_align: a box must name an image") {
  const std::vector<float> ones(2 * 9, 1.0f);
  [[maybe_unused]] const auto x = in(ones, 2, 3, 3, 1);
  CHECK_THROWS_AS(pooled(x, {2, 0, 0, 1, 1}, 1, 1, align(2, true)), heddle::shape_error);
  CHECK_THROWS_AS(pooled(x, {-1, 0, 0, 1, 1}, 1, 1, precise), heddle::shape_error);
  CHECK_THROWS_AS(pooled(x, {std::numeric_limits<float>::quiet_NaN(), 0, 0, 1, 1}, 1, 1, precise), heddle::shape_error);
}
