// The square around a target: its place, its padding, and that it is the resized copy it replaces.
#include "tracking/sample_target.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <heddle/backend/reference.hpp>

#include "support/catch.hpp"
#include "support/random.hpp"

namespace {

using namespace heddle;
using namespace heddle::examples;

using bytes = std::vector<std::uint8_t>;

bytes noise(std::size_t count) {
  const std::vector<float> values = test::normal_vector(count, 5);
  bytes result(count);
  for (std::size_t i = 0; i < count; ++i) result[i] = static_cast<std::uint8_t>(std::min(255.0F, std::abs(values[i]) * 100.0F));
  return result;
}

bytes sampled(const frame_view& frame, const crop_square& square, std::size_t side) {
  bytes out(side * side * 3);
  const workspace scratch(sample_target_bytes(side));
  sample_target(frame, square, image_u8_view<std::uint8_t>(out.data(), dynamic_extents<3>(side, side, 3)), scratch.scratch());
  return out;
}

/// As the official code does it: a padded copy of the square, then a resize.
bytes by_copy(const frame_view& frame, const crop_square& square, std::size_t side) {
  const auto width = static_cast<std::ptrdiff_t>(frame.width);
  const auto height = static_cast<std::ptrdiff_t>(frame.height);
  const auto length = static_cast<std::ptrdiff_t>(square.side);
  const std::ptrdiff_t right = std::max<std::ptrdiff_t>(0, square.x + length - width + 1);
  const std::ptrdiff_t bottom = std::max<std::ptrdiff_t>(0, square.y + length - height + 1);
  bytes copy(square.side * square.side * 3, 0);
  for (std::ptrdiff_t i = std::max<std::ptrdiff_t>(0, -square.y); i < length - bottom; ++i)
    for (std::ptrdiff_t j = std::max<std::ptrdiff_t>(0, -square.x); j < length - right; ++j)
      for (std::size_t c = 0; c < 3; ++c)
        copy[static_cast<std::size_t>(i * length + j) * 3 + c] =
            frame.row(static_cast<std::size_t>(square.y + i))[static_cast<std::size_t>(square.x + j) * 3 + frame.byte_of(c)];
  bytes out(side * side * 3);
  resize_u8(context<reference>{},
            image_u8_view<const std::uint8_t>(copy.data(), dynamic_extents<3>(square.side, square.side, 3)),
            image_u8_view<std::uint8_t>(out.data(), dynamic_extents<3>(side, side, 3)));
  return out;
}

}  // namespace

TEST_CASE("the square is rounded up, its corner half to even") {
  CHECK(square_around({40, 34, 30, 24}, 2.0) == crop_square{28, 19, 54});  // sqrt(720) * 2 = 53.7
  CHECK(square_around({0, 0, 9, 9}, 1.0) == crop_square{0, 0, 9});
  CHECK(square_around({0.5, 1.5, 4, 4}, 1.0) == crop_square{0, 2, 4});  // 0.5 and 1.5 go to even numbers
  CHECK(square_around({2.5, -0.5, 4, 4}, 1.0) == crop_square{2, 0, 4});
  REQUIRE_THROWS_AS(square_around({0, 0, 0, 5}, 2.0), shape_error);
  REQUIRE_THROWS_AS(square_around({0, 0, std::nan(""), 5}, 2.0), shape_error);
  REQUIRE_THROWS_AS(square_around({0, 0, 1e9, 1e9}, 5.0), shape_error);
  REQUIRE_THROWS_AS(square_around({1e12, 0, 10, 10}, 5.0), shape_error);
}

TEST_CASE("cutting out without a copy gives the bytes of a copy that is resized") {
  const bytes pixels = noise(37 * 53 * 3 + 5);
  for (const channel_order order : {channel_order::rgb, channel_order::bgr}) {
    const frame_view frame{pixels.data(), 37, 52, 53 * 3, order};  // rows are longer than the picture
    for (const crop_square square : {crop_square{5, 6, 20}, crop_square{-9, -4, 30}, crop_square{30, 20, 40},
                                     crop_square{-20, -30, 120}, crop_square{0, 0, 37}, crop_square{31, 16, 21},
                                     crop_square{200, 3, 20}, crop_square{-50, 90, 20}, crop_square{7, 7, 1}})
      for (const std::size_t side : {std::size_t{1}, std::size_t{16}, std::size_t{20}, std::size_t{33}})
        CHECK(sampled(frame, square, side) == by_copy(frame, square, side));
  }
}

TEST_CASE("the last row and column of the frame are padding where the square reaches them") {
  const bytes white(10 * 10 * 3, 255);
  const frame_view frame{white.data(), 10, 10, 30, channel_order::rgb};
  const bytes out = sampled(frame, {4, 4, 6}, 6);  // rows and columns 4 to 9
  for (std::size_t i = 0; i < 6; ++i)
    for (std::size_t j = 0; j < 6; ++j) CHECK(out[(i * 6 + j) * 3] == (i == 5 || j == 5 ? 0 : 255));
}

TEST_CASE("a pixel is normalised by the statistics of its channel") {
  const bytes image{0, 128, 255, 7, 8, 9};
  std::vector<float> y(6);
  const pixel_normaliser normalise({0.5F, 0.25F, 0.0F}, {0.5F, 0.25F, 2.0F});
  normalise(image_u8_view<const std::uint8_t>(image.data(), dynamic_extents<3>(1, 2, 3)),
            map_view<float>(y.data(), dynamic_extents<4>(1, 1, 2, 3)));
  CHECK(y[0] == -1.0F);
  CHECK(std::abs(y[1] - (128.0F / 255.0F - 0.25F) * 4.0F) < 1e-6F);
  CHECK(y[2] == 0.5F);
  CHECK(std::abs(y[3] - (7.0F / 255.0F - 0.5F) * 2.0F) < 1e-6F);
  REQUIRE_THROWS_AS(normalise(image_u8_view<const std::uint8_t>(image.data(), dynamic_extents<3>(1, 2, 3)),
                              map_view<float>(y.data(), dynamic_extents<4>(1, 1, 1, 3))),
                    shape_error);
}
