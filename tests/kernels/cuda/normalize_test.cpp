// `normalize` of the device against its definition, emulated: rows of every kernel, odd lengths, strides, in place.
#include <heddle/cuda/normalize.cuh>

#include "heddle/backend/reference.hpp"
#include "on_device.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;

struct shape {
  std::size_t rows, columns, gap, offset;
};

/// `mode` bit 0: without scale, bit 1: without shift, bit 2: RMS norm.
template <class Context>
void normalized(const Context& ctx, const float* x, float* y, const shape& s, std::span<const float> scale,
                std::span<const float> shift, unsigned mode) {
  const auto from = make_matrix(x, s.rows, s.columns, s.columns + s.gap);
  const auto to = make_matrix(y, s.rows, s.columns, s.columns + s.gap);
  if ((mode & 1U) != 0) scale = {};
  if ((mode & 2U) != 0) shift = {};
  if ((mode & 4U) != 0) {
    rms_normalize(ctx, from, scale, 1e-6F, to);
  } else {
    layer_normalize(ctx, from, scale, shift, 1e-5F, to);
  }
}

void check(const shape& s, unsigned mode) {
  const std::size_t size = s.rows * (s.columns + s.gap);
  std::vector<float> x = test::normal_vector(size, s.columns + mode);
  for (float& v : x) v = 3.0F * v + 20.0F;  // far from zero: the variance must not be a difference of squares
  const std::vector<float> scale = test::normal_vector(s.columns, 1);
  const std::vector<float> shift = test::normal_vector(s.columns, 2);
  std::vector<float> y = x;
  normalized(context<reference>{}, x.data(), y.data(), s, scale, shift, mode);
  INFO(s.rows << " x " << s.columns << ", gap " << s.gap << ", offset " << s.offset << ", mode " << mode);
  test::in_both_orders([&] {
    test::on_device<float> a(x, s.offset), scales(scale, s.offset), shifts(shift, s.offset);
    normalized(test::device_scratch().ctx(), a.data(), a.data(), s, scales.span(), shifts.span(), mode);
    const auto worst = test::worst(y, a.to_host());
    INFO(worst.text());
    CHECK(worst.relative() < 1e-5);
  });
}

}  // namespace

TEST_CASE("rows normalised by a device, 16 bytes at a time", "[normalize]") {
  unsigned mode = 0;
  for (const std::size_t columns :
       std::initializer_list<std::size_t>{4, 32, 48, 100, 180, 256, 260, 512, 768, 1024, 1028, 4096, 8200})
    check({columns < 1000 ? 19U : 3U, columns, 4, 0}, mode++ % 8);
}

TEST_CASE("rows normalised by a device, of any length and place", "[normalize]") {
  unsigned mode = 0;
  for (const std::size_t columns : std::initializer_list<std::size_t>{1, 5, 8, 31, 33, 63, 127, 255, 257, 2048, 2049})
    check({columns < 1000 ? 9U : 2U, columns, 1, 0}, mode++ % 8);
  check({5, 48, 0, 1}, 0);
  check({130, 3, 0, 0}, 0);
}

TEST_CASE("more rows than a grid of two numbers could have are normalised", "[normalize]") {
  device::emulation::options_scope quick({.seed = 0, .races = false});
  const std::size_t rows = 66'000;
  std::vector<float> x = test::normal_vector(rows * 2, 9);
  test::on_device<float> a(x);
  rms_normalize(test::device_scratch().ctx(), make_matrix<const float>(a.data(), rows, 2), {}, 1e-5F,
                make_matrix(a.data(), rows, 2));
  rms_normalize(context<reference>{}, make_matrix<const float>(x.data(), rows, 2), {}, 1e-5F, make_matrix(x.data(), rows, 2));
  CHECK(test::worst(x, a.to_host()).relative() < 1e-5);
}

TEST_CASE("no rows are normalised by a device without work", "[normalize]") {
  layer_normalize(test::device_scratch().ctx(), make_matrix<const float>(nullptr, 0, 8), {}, {}, 1e-5F,
                  make_matrix<float>(nullptr, 0, 8));
}
