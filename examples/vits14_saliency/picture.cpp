#include "picture.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>

#include "../common/canvas.hpp"
#include "heddle/reference/resize_u8.hpp"

namespace saliency_app {
namespace {

using examples::colour;
using examples::image;

constexpr std::size_t zoom = 2;
constexpr std::size_t gap = 8;
constexpr std::size_t caption = 24;
constexpr std::size_t panel_side = side * zoom;

/// An 8-bit RGB part of a photograph.
std::vector<std::uint8_t> rgb_part(const image& photo, std::size_t top, std::size_t left, std::size_t height,
                                   std::size_t width) {
  std::vector<std::uint8_t> rgb(height * width * 3);
  for (std::size_t y = 0; y < height; ++y)
    for (std::size_t x = 0; x < width; ++x)
      for (std::size_t c = 0; c < 3; ++c)
        rgb[(y * width + x) * 3 + c] = photo.sample8(top + y, left + x, photo.colours() == 3 ? c : 0);
  return rgb;
}

std::vector<std::uint8_t> resized(const std::vector<std::uint8_t>& rgb, std::size_t height, std::size_t width,
                                  std::size_t to_height, std::size_t to_width) {
  using heddle::dynamic_extents;
  std::vector<std::uint8_t> out(to_height * to_width * 3);
  const dynamic_extents<3> from(height, width, 3);
  const dynamic_extents<3> to(to_height, to_width, 3);
  const heddle::workspace memory(heddle::resize_u8_bytes(heddle::reference{}, from, to));
  heddle::resize_u8(heddle::context<heddle::reference>{{}, memory.scratch()},
                    heddle::image_u8_view<const std::uint8_t>(rgb.data(), from),
                    heddle::image_u8_view<std::uint8_t>(out.data(), to), heddle::u8_rule::area{});
  return out;
}

/// Black, red, yellow, white.
colour heat(float value) {
  const float v = std::clamp(value, 0.0F, 1.0F) * 3.0F;
  const auto level = [](float x) { return static_cast<std::uint8_t>(std::lround(std::clamp(x, 0.0F, 1.0F) * 255.0F)); };
  return {level(v), level(v - 1.0F), level(v - 2.0F)};
}

void put(image& canvas, std::size_t y, std::size_t x, colour value) {
  std::copy(value.begin(), value.end(), canvas.row(y) + 3 * x);
}

image heat_map(const std::vector<float>& map) {
  image picture(side, side, 3);
  for (std::size_t i = 0; i < map.size(); ++i) put(picture, i / side, i % side, heat(map[i]));
  return picture;
}

/// The mean colour of every token.
std::vector<colour> token_colours(const std::vector<std::uint8_t>& rgb, const result& r) {
  constexpr std::size_t patch = side / patches;
  std::vector<std::array<double, 4>> sums(r.tokens);
  for (std::size_t y = 0; y < side; ++y)
    for (std::size_t x = 0; x < side; ++x) {
      auto& sum = sums[static_cast<std::size_t>(r.origin[y / patch * patches + x / patch])];
      for (std::size_t c = 0; c < 3; ++c) sum[c] += rgb[(y * side + x) * 3 + c];
      sum[3] += 1.0;
    }
  std::vector<colour> colours(r.tokens);
  for (std::size_t t = 0; t < r.tokens; ++t)
    for (std::size_t c = 0; c < 3; ++c) colours[t][c] = static_cast<std::uint8_t>(sums[t][c] / std::max(sums[t][3], 1.0));
  return colours;
}

image token_mosaic(const std::vector<std::uint8_t>& rgb, const result& r) {
  constexpr std::size_t patch = side / patches;
  const std::vector<colour> colours = token_colours(rgb, r);
  const auto token = [&](std::size_t y, std::size_t x) { return r.origin[y / patch * patches + x / patch]; };
  image picture(side, side, 3);
  for (std::size_t y = 0; y < side; ++y)
    for (std::size_t x = 0; x < side; ++x) {
      const std::int32_t t = token(y, x);
      const bool edge = (x > 0 && token(y, x - 1) != t) || (y > 0 && token(y - 1, x) != t);
      put(picture, y, x, edge ? colour{255, 255, 255} : colours[static_cast<std::size_t>(t)]);
    }
  return picture;
}

void add_panel(image& canvas, std::size_t place, const image& picture, const std::string& text) {
  const std::size_t x = gap + place * (panel_side + gap);
  examples::write_text(canvas, gap, x, text, 2, {30, 30, 30});
  examples::paste(canvas, gap + caption, x, picture, 0, 0, side, side, zoom);
}

std::string title(const result& r) {
  char text[64];
  std::snprintf(text, sizeof text, "%zu tokens, %.1f ms", r.tokens, r.milliseconds);
  return text;
}

}  // namespace

std::vector<std::uint8_t> fitted(const examples::image& photo, fit how) {
  if (how == fit::crop) {
    const std::size_t n = std::min(photo.height, photo.width);
    return resized(rgb_part(photo, (photo.height - n) / 2, (photo.width - n) / 2, n, n), n, n, side, side);
  }
  const double factor = static_cast<double>(side) / static_cast<double>(std::max(photo.height, photo.width));
  const auto scaled = [&](std::size_t n) {
    return std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(static_cast<double>(n) * factor)));
  };
  const std::size_t height = scaled(photo.height);
  const std::size_t width = scaled(photo.width);
  const std::vector<std::uint8_t> small =
      resized(rgb_part(photo, 0, 0, photo.height, photo.width), photo.height, photo.width, height, width);
  std::vector<std::uint8_t> rgb(side * side * 3);
  for (std::size_t y = 0; y < height; ++y)
    std::copy_n(&small[y * width * 3], width * 3, &rgb[(((side - height) / 2 + y) * side + (side - width) / 2) * 3]);
  return rgb;
}

double correlation(const std::vector<float>& a, const std::vector<float>& b) {
  const auto n = static_cast<double>(a.size());
  double sum_a = 0.0, sum_b = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    sum_a += static_cast<double>(a[i]);
    sum_b += static_cast<double>(b[i]);
  }
  double aa = 0.0, bb = 0.0, ab = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]) - sum_a / n;
    const double y = static_cast<double>(b[i]) - sum_b / n;
    aa += x * x;
    bb += y * y;
    ab += x * y;
  }
  return aa > 0.0 && bb > 0.0 ? ab / std::sqrt(aa * bb) : 1.0;
}

double overlap(const std::vector<float>& a, const std::vector<float>& b) {
  std::size_t both = 0, any = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    both += a[i] > 0.5F && b[i] > 0.5F ? 1U : 0U;
    any += a[i] > 0.5F || b[i] > 0.5F ? 1U : 0U;
  }
  return any == 0 ? 1.0 : static_cast<double>(both) / static_cast<double>(any);
}

examples::image panels(const std::vector<std::uint8_t>& rgb, const result& plain, const result* merged) {
  const std::size_t count = merged == nullptr ? 2 : 4;
  image canvas(2 * gap + caption + panel_side, gap + count * (panel_side + gap), 3);
  examples::fill(canvas, {255, 255, 255});
  image photo(side, side, 3);
  photo.bytes = rgb;
  add_panel(canvas, 0, photo, "photograph");
  add_panel(canvas, 1, heat_map(plain.map), title(plain));
  if (merged != nullptr) {
    add_panel(canvas, 2, token_mosaic(rgb, *merged), "the last " + std::to_string(merged->tokens) + " tokens");
    add_panel(canvas, 3, heat_map(merged->map), title(*merged));
  }
  return canvas;
}

}  // namespace saliency_app
