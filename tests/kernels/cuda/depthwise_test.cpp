// Depthwise convolution of the device against its definition, emulated: random windows, strides and paddings, every kernel.
#include <heddle/cuda/depthwise.cuh>

#include "heddle/backend/reference.hpp"
#include "heddle/primitive/activation.hpp"
#include "on_device.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;
using extents5 = dynamic_extents<5>;

struct problem {
  extents5 shape;
  volume_window window;
  std::vector<float> x, weight, bias, y, other;

  problem(const extents5& s, const volume_window& w, std::size_t seed)
      : shape(s),
        window(w),
        x(test::normal_vector(s.size(), seed)),
        weight(test::normal_vector(s.extent(4) * w.size(), seed + 1000)),
        bias(test::normal_vector(s.extent(4), seed + 2000)),
        y(test::normal_vector(w.output_extents(s).size(), 77)),
        other(y) {
    for (float& v : other) v += 1.0F;
  }

  /// `mode` 0: plain, 1: without bias, 2: added to another array, 3: added to the output itself.
  template <class Context>
  void run(const Context& ctx, const float* from, float* to, const float* another, int mode) const {
    const extents5 out = window.output_extents(shape);
    const std::size_t channels = shape.extent(4);
    const auto prepared = prepare_depthwise(ctx.backend, make_matrix(weight.data(), channels, window.size()),
                                            mode != 1 ? std::span<const float>(bias) : std::span<const float>());
    matrix_view<const float> residual;
    if (mode >= 2) residual = make_matrix(mode == 2 ? another : static_cast<const float*>(to), out.size() / channels, channels);
    convolve_depthwise(ctx, volume_view<const float>(from, shape), prepared, window, volume_view<float>(to, out), silu{},
                       residual);
  }
};

void check(const problem& p, std::size_t round) {
  const int mode = static_cast<int>(round % 4);
  std::vector<float> expected = p.y;
  p.run(context<reference>{}, p.x.data(), expected.data(), p.other.data(), mode);
  INFO("round " << round << ", [" << p.shape.extent(0) << ' ' << p.shape.extent(1) << ' ' << p.shape.extent(2) << ' '
                << p.shape.extent(3) << ' ' << p.shape.extent(4) << "], window " << p.window.frames.size << ' '
                << p.window.rows.size << ' ' << p.window.columns.size);
  test::in_both_orders([&] {
    test::on_device<float> x(p.x, round % 7 == 6 ? 1 : 0), y(p.y), other(p.other);
    p.run(test::device_scratch().ctx(), x.data(), y.data(), other.data(), mode);
    const auto worst = test::worst(expected, y.to_host());
    INFO(worst.text());
    CHECK(worst.relative() < 1e-5);
  });
}

window_axis random_axis(test::generator& random, std::size_t longest, std::size_t stride) {
  return {random.integer(1, longest), random.integer(1, stride), random.integer(0, 4), random.integer(0, 3)};
}
bool fits(const window_axis& axis, std::size_t n) { return n + axis.before + axis.after >= axis.size; }

}  // namespace

TEST_CASE("depthwise convolution of random windows on a device", "[depthwise]") {
  test::generator random(5);
  for (std::size_t round = 0; round < 24; ++round) {
    const std::size_t channels = round % 3 == 0 ? random.integer(1, 40) : 4 * random.integer(1, 10);
    const extents5 shape(random.integer(1, 2), round % 2 == 0 ? 1 : random.integer(1, 4), random.integer(1, 9),
                         random.integer(1, 14), channels);
    const volume_window window{round % 2 == 0 ? window_axis{} : random_axis(random, 3, 2), random_axis(random, 5, 3),
                               random_axis(random, 6, 3)};
    if (fits(window.frames, shape.extent(1)) && fits(window.rows, shape.extent(2)) && fits(window.columns, shape.extent(3)))
      check(problem(shape, window, round), round);
  }
}

TEST_CASE("depthwise windows of 3, 5 and 7 columns on a device", "[depthwise]") {
  std::size_t round = 0;
  for (const std::size_t size : std::initializer_list<std::size_t>{3, 5, 7})
    for (const std::size_t columns : std::initializer_list<std::size_t>{1, 8, 13}) {
      check(problem(extents5(1, round % 3 + 1, 9, columns, 36), volume_window::centred(size == 3 ? 3 : 1, size, size), round),
            round);
      ++round;
    }
}

TEST_CASE("depthwise windows of frames only, and windows larger than a tile", "[depthwise]") {
  check(problem(extents5(2, 11, 2, 3, 32), {{3, 1, 1, 1}, {}, {}}, 1), 1);
  check(problem(extents5(1, 21, 1, 1, 8), {{5, 1, 2, 2}, {}, {}}, 2), 2);
  check(problem(extents5(1, 1, 33, 33, 8), {{}, {31, 2, 15, 15}, {31, 1, 15, 15}}, 3), 3);
  check(problem(extents5(1, 1, 33, 33, 5), {{}, {32, 32, 0, 0}, {32, 32, 0, 0}}, 3), 0);
}
