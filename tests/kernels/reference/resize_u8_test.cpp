// Fixed-point resizing of bytes: identities, and at most one level from the same rule in floating point.
#include <heddle/reference/resample.hpp>
#include <heddle/reference/resize_u8.hpp>

#include <cstdlib>
#include <vector>

#include "support/catch.hpp"
#include "support/random.hpp"

namespace {

using heddle::context;
using heddle::dynamic_extents;
using heddle::reference;

struct image {
  std::size_t height, width, channels;
  std::vector<std::uint8_t> bytes;

  static image random(std::size_t h, std::size_t w, std::size_t c, std::uint64_t seed) {
    heddle::test::generator g(seed);
    image result{h, w, c, std::vector<std::uint8_t>(h * w * c)};
    for (auto& b : result.bytes) b = static_cast<std::uint8_t>(g.integer(0, 255));
    return result;
  }
};

template <class Rule>
image resized(const image& x, std::size_t h, std::size_t w, Rule rule) {
  image y{h, w, x.channels, std::vector<std::uint8_t>(h * w * x.channels)};
  heddle::resize_u8(
      context<reference>{},
      heddle::image_u8_view<const std::uint8_t>(x.bytes.data(), dynamic_extents<3>(x.height, x.width, x.channels)),
      heddle::image_u8_view<std::uint8_t>(y.bytes.data(), dynamic_extents<3>(h, w, x.channels)), rule);
  return y;
}

template <class Rule>
std::vector<float> in_float(const image& x, std::size_t h, std::size_t w, Rule rule) {
  const std::vector<float> from(x.bytes.begin(), x.bytes.end());
  std::vector<float> to(h * w * x.channels);
  const dynamic_extents<4> a(1, x.height, x.width, x.channels);
  const dynamic_extents<4> b(1, h, w, x.channels);
  heddle::workspace scratch(heddle::resize_bytes(reference{}, a, b, rule));
  heddle::resize(context<reference>{{}, scratch.scratch()}, heddle::map_view<const float>(from.data(), a),
                 heddle::map_view<float>(to.data(), b), rule);
  return to;
}

template <class Fixed, class Float>
void require_one_level(const image& x, std::size_t h, std::size_t w, Fixed fixed, Float rule) {
  const image y = resized(x, h, w, fixed);
  const std::vector<float> expected = in_float(x, h, w, rule);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double value = std::min(std::max(static_cast<double>(expected[i]), 0.0), 255.0);
    REQUIRE(std::abs(static_cast<double>(y.bytes[i]) - std::nearbyint(value)) <= 1.0);
  }
}

}  // namespace

TEST_CASE("resize_u8: to the same size is the identity") {
  const image x = image::random(5, 7, 3, 1);
  REQUIRE(resized(x, 5, 7, heddle::u8_rule::bilinear{}).bytes == x.bytes);
  REQUIRE(resized(x, 5, 7, heddle::u8_rule::bicubic{}).bytes == x.bytes);
  REQUIRE(resized(x, 5, 7, heddle::u8_rule::area{}).bytes == x.bytes);
}

TEST_CASE("resize_u8: within one level of the rule in floating point") {
  for (const auto& [h, w] : {std::pair<std::size_t, std::size_t>{9, 13}, {24, 31}, {5, 40}, {1, 1}}) {
    const image x = image::random(11, 14, 3, h);
    require_one_level(x, h, w, heddle::u8_rule::bilinear{}, heddle::resize_rule::bilinear<>{});
    require_one_level(x, h, w, heddle::u8_rule::bicubic{}, heddle::resize_rule::bicubic<>{});
  }
}

TEST_CASE("resize_u8: area takes means when shrinking and repeats pixels for whole factors") {
  const image x = image::random(6, 9, 2, 3);
  require_one_level(x, 2, 3, heddle::u8_rule::area{}, heddle::resize_rule::area{});
  const image twice = resized(x, 12, 18, heddle::u8_rule::area{});
  for (std::size_t i = 0; i < 12; ++i)
    for (std::size_t j = 0; j < 18; ++j)
      for (std::size_t c = 0; c < 2; ++c) REQUIRE(twice.bytes[(i * 18 + j) * 2 + c] == x.bytes[(i / 2 * 9 + j / 2) * 2 + c]);
}

TEST_CASE("resize_u8: one pixel fills the image") {
  const image x = image::random(1, 1, 3, 4);
  const image y = resized(x, 4, 5, heddle::u8_rule::bilinear{});
  for (std::size_t i = 0; i < y.bytes.size(); ++i) REQUIRE(y.bytes[i] == x.bytes[i % 3]);
}

TEST_CASE("resize_u8: rows outside the image round their two products apart, columns do not: the bytes of OpenCV") {
  const image x{2, 2, 1, {0, 5, 0, 5}};
  const image y = resized(x, 3, 5, heddle::u8_rule::bilinear{});
  REQUIRE(y.bytes == std::vector<std::uint8_t>{0, 0, 2, 4, 5, 0, 1, 3, 4, 5, 0, 0, 2, 4, 5});
}
