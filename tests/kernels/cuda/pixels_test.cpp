// Pixels copied and pooled by the device, emulated.
#include <heddle/cuda/pixels.cuh>

#include "heddle/backend/reference.hpp"
#include "on_device.hpp"
#include "tests/support/random.hpp"

using namespace heddle;

TEST_CASE("pixels copied by a device", "[copy_pixels]") {
  for (const std::size_t channels : std::initializer_list<std::size_t>{3, 4, 48}) {
    const std::vector<float> x = test::normal_vector(5 * 9 * channels, 1);
    const dynamic_extents<3> pixels(5, 7, channels);
    const auto copied = [&](auto ctx, const float* from, float* to) {  // rows of 9 to every second pixel of rows of 14
      copy_pixels(ctx, pixel_view<const float>(from, pixels, {9 * channels, channels, 1}),
                  pixel_view<float>(to, pixels, {28 * channels, 2 * channels, 1}));
    };
    std::vector<float> expected(140 * channels, 7.0F);
    copied(context<reference>{}, x.data(), expected.data());
    test::in_both_orders([&] {
      test::on_device<float> a(x), y(std::vector<float>(140 * channels, 7.0F));
      copied(test::device_scratch().ctx(), a.data(), y.data());
      CHECK(y.to_host() == expected);
    });
  }
}

TEST_CASE("cells pooled by a device", "[max_pool]") {
  for (const std::size_t channels : std::initializer_list<std::size_t>{3, 8}) {
    const dynamic_extents<4> from(2, 7, 10, channels);
    const std::vector<float> x = test::normal_vector(from.size(), 1);
    const std::size_t rows = 2 * 3 * 5, pitch = channels + 4;
    std::vector<float> expected(rows * pitch, 7.0F);
    max_pool(context<reference>{}, map_view<const float>(x.data(), from), make_matrix(expected.data(), rows, channels, pitch));
    test::in_both_orders([&] {
      test::on_device<float> a(x), y(std::vector<float>(rows * pitch, 7.0F));
      max_pool(test::device_scratch().ctx(), map_view<const float>(a.data(), from),
               make_matrix(y.data(), rows, channels, pitch));
      CHECK(y.to_host() == expected);
    });
  }
}
