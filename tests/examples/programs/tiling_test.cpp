#include "../../../examples/maxsr/app/tiling.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "../../../examples/maxsr/app/tiled.hpp"
#include "../../support/catch.hpp"
#include "picture_files.hpp"
#include "stand_in_network.hpp"

using examples::image;
using examples_test::test_picture;
using maxsr_app::network;
using maxsr_app::tile_axis;
using maxsr_app::tile_options;
using maxsr_app::tiled_options;

namespace {

std::vector<float> whole(const image& picture, const network& net, const tiled_options& options) {
  const std::size_t row = 3 * net.scale() * picture.width;
  std::vector<float> out(row * net.scale() * picture.height, -1.0F);
  std::size_t next = 0;
  maxsr_app::upscale_tiled(picture, net, options, [&](std::size_t first, std::size_t rows, const float* rgb) {
    REQUIRE(first == next);
    next += rows;
    REQUIRE(next * row <= out.size());
    std::copy(rgb, rgb + rows * row, out.begin() + static_cast<std::ptrdiff_t>(first * row));
  });
  REQUIRE(next == net.scale() * picture.height);
  return out;
}

/// The whole picture as one tile.
std::vector<float> untiled(const image& picture, const network& net) {
  std::vector<float> rgb;
  for (std::size_t y = 0; y < picture.height; ++y) {
    for (std::size_t i = 0; i < 3 * picture.width; ++i) {
      rgb.push_back(picture.sample(y, i / 3, i % 3));
    }
  }
  std::vector<float> out(rgb.size() * net.scale() * net.scale());
  net.make_worker(std::max(picture.height, picture.width))->upscale(rgb.data(), picture.height, picture.width, out.data());
  return out;
}

}  // namespace

TEST_CASE("the tiles of an axis cover it, overlap enough and never fade three at a time") {
  for (const tile_options options :
       {tile_options{}, tile_options{25}, tile_options{64, 4, 8}, tile_options{100, 0, 20}, tile_options{40, 6, 4}}) {
    REQUIRE(options.valid());
    for (const std::size_t scale : {1U, 2U, 3U, 4U}) {
      for (std::size_t length = 1; length < 400; ++length) {
        const tile_axis axis(length, options, scale);
        std::size_t last = axis.count() - 1;
        bool sound = axis.start(0) == 0 && axis.end(last) == scale * length && axis.begin(0) == 0;
        sound = sound && axis.start(last) + axis.side() == std::max(length, axis.side());
        for (std::size_t t = 1; t <= last; ++t) {
          sound = sound && axis.start(t - 1) + axis.side() >= axis.start(t) + options.overlap();
          sound = sound && axis.begin(t) >= scale * (axis.start(t) + options.margin);
          sound = sound && axis.fade_end(t) + scale * options.margin <= scale * (axis.start(t - 1) + axis.side());
          sound = sound && axis.fade_begin(t) >= axis.fade_end(t - 1);
        }
        REQUIRE(sound);
      }
    }
  }
}

TEST_CASE("shares rise smoothly and symmetrically from zero to one") {
  const tile_axis axis(200, {}, 2);
  REQUIRE(axis.count() > 2);
  const std::size_t from = axis.fade_begin(1);
  const std::size_t to = axis.fade_end(1);
  for (std::size_t x = from; x < to; ++x) {
    CHECK(axis.share(1, x) + axis.share(1, to - 1 - (x - from)) == Approx(1.0));
    CHECK((x == from || axis.share(1, x) > axis.share(1, x - 1)));
  }
  CHECK(axis.share(1, from) < 0.02F);
}

TEST_CASE("options whose fades could meet are refused") {
  CHECK(tile_options{}.valid());
  CHECK_FALSE(tile_options{64, 0, 32}.valid());
  CHECK_FALSE(tile_options{8, 0, 1}.valid());
  CHECK_FALSE(tile_options{64, 4, 0}.valid());
}

TEST_CASE("reflection continues any length without repeating the edge") {
  CHECK(maxsr_app::reflected(4, 5) == 4);
  CHECK(maxsr_app::reflected(5, 5) == 3);
  CHECK(maxsr_app::reflected(8, 5) == 0);
  CHECK(maxsr_app::reflected(9, 5) == 1);
  CHECK(maxsr_app::reflected(7, 1) == 0);
  CHECK(maxsr_app::reflected(3, 2) == 1);
}

TEST_CASE("a network that looks no farther than the margin gives the same bits tiled and untiled") {
  const image picture = test_picture(150, 211);
  for (const std::size_t scale : {2U, 3U}) {
    for (const std::size_t radius : {0U, 1U, 2U}) {
      const auto net = stand_in::local_network(scale, radius);
      CHECK(whole(picture, *net, {}) == untiled(picture, *net));
    }
  }
}

TEST_CASE("a network that looks farther than the margin does not, so the comparison above can fail") {
  const image picture = test_picture(150, 211);
  const auto net = stand_in::local_network(2, 9);
  CHECK(whole(picture, *net, {}) != untiled(picture, *net));
}

TEST_CASE("the bits do not depend on the number of threads") {
  const image picture = test_picture(170, 333);
  const auto net = stand_in::global_network(2);
  tiled_options options;
  const auto one = whole(picture, *net, options);
  for (const std::size_t threads : {2U, 3U, 16U, 200U}) {
    options.threads = threads;
    CHECK(whole(picture, *net, options) == one);
  }
}

TEST_CASE("a network that sees its whole tile leaves no step at a seam") {
  // On a picture whose columns get brighter the tiles' means differ; enlarged neighbours may differ by the picture's own step
  // plus the steepest part of the fade: 1.5 / (2 * ramp) of the difference of two tiles' means.
  image picture(64, 400, 3);
  for (std::size_t i = 0; i < picture.bytes.size(); ++i) {
    picture.bytes[i] = static_cast<std::uint8_t>((i / 3 % 400) / 2);
  }
  const auto net = stand_in::global_network(2);
  const tiled_options options;
  const auto out = whole(picture, *net, options);
  const float mean_step = 64.0F / 2.0F / 255.0F;
  const float allowed = 1.0F / 255.0F + mean_step * 1.5F / static_cast<float>(2 * options.tiles.ramp) + 1e-4F;
  float worst = 0.0F;
  for (std::size_t x = 1; x < 800; ++x) {
    worst = std::max(worst, std::abs(out[3 * x] - out[3 * x - 3]));
  }
  CHECK(worst <= allowed);
}

TEST_CASE("a tile's result depends on nothing but the tile") {
  const image picture = test_picture(64, 256);
  image other = picture;
  for (std::size_t y = 0; y < 64; ++y) {
    for (std::size_t x = 0; x < 3 * 60; ++x) {
      other.row(y)[x] = 0;
    }
  }
  const auto net = stand_in::global_network(2);
  const auto a = whole(picture, *net, {});
  const auto b = whole(other, *net, {});
  const tile_axis axis(256, {}, 2);
  std::size_t untouched = 0;
  while (axis.start(untouched) < 60) {
    ++untouched;
  }
  for (std::size_t x = axis.fade_end(untouched); x < 512; ++x) {
    REQUIRE(a[3 * x] == b[3 * x]);
  }
}

TEST_CASE("pictures below the smallest tile are continued by reflection") {
  const auto net = stand_in::local_network(2, 0);
  for (const auto& [height, width] : {std::pair{1U, 1U}, std::pair{1U, 300U}, std::pair{300U, 1U}, std::pair{15U, 17U}}) {
    const image picture = test_picture(height, width);
    CHECK(whole(picture, *net, {}) == untiled(picture, *net));
  }
}

TEST_CASE("the self-ensemble of a network without a preferred direction changes nothing but rounding") {
  const image picture = test_picture(70, 90);
  const auto net = stand_in::global_network(2);
  tiled_options options;
  const auto plain = whole(picture, *net, options);
  options.self_ensemble = true;
  const auto averaged = whole(picture, *net, options);
  float worst = 0.0F;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    worst = std::max(worst, std::abs(plain[i] - averaged[i]));
  }
  CHECK(worst < 1e-5F);
}

TEST_CASE("the self-ensemble averages over the eight turns of a network with a preferred direction") {
  // The stand-in adds (row place + 2 * column place) / 1024: over the eight turns every place gets the mean, 1.5 / 1024.
  const image picture = test_picture(40, 52);
  tiled_options options;
  options.self_ensemble = true;
  const auto net = stand_in::local_network(2, 0);
  const auto out = whole(picture, *net, options);
  float worst = 0.0F;
  for (std::size_t y = 0; y < 80; ++y) {
    for (std::size_t i = 0; i < 3 * 104; ++i) {
      const float expected = picture.sample(y / 2, i / 6, i % 3) + 1.5F / 1024.0F;
      worst = std::max(worst, std::abs(out[y * 312 + i] - expected));
    }
  }
  CHECK(worst < 1e-6F);
}

TEST_CASE("an error in a worker reaches the caller") {
  struct failing final : maxsr_app::upscaler {
    void upscale(const float*, std::size_t, std::size_t, float*) override { throw examples::user_error("broken worker"); }
  };
  struct failing_network final : network {
    std::size_t scale() const override { return 2; }
    std::string description() const override { return {}; }
    double flops(std::size_t, std::size_t) const override { return 0.0; }
    std::unique_ptr<maxsr_app::upscaler> make_worker(std::size_t) const override { return std::make_unique<failing>(); }
  };
  tiled_options options;
  options.threads = 3;
  CHECK_THROWS_WITH(whole(test_picture(200, 200), failing_network(), options), "broken worker");
}
