// Conversions and functions of the device against the host's: what is exact bit for bit, the others within their stated errors.
#include <heddle/cuda/device/global.cuh>
#include <heddle/cuda/device/math.cuh>
#include <heddle/cuda/device/numbers.cuh>
#include <heddle/cuda/launch.cuh>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "tests/kernels/cuda/on_device.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"

namespace {

namespace device = heddle::device;
using device::bf16;
using device::f16;
using heddle::test::in_both_orders;
using heddle::test::on_device;

struct conversions {
  static constexpr unsigned threads = 32;
  static constexpr unsigned results = 10;
  const float* in;
  std::uint32_t* out;  // [n, results]

  HEDDLE_DEVICE void operator()() const {
    const unsigned i = device::block_index() * threads + device::thread();
    const float x = device::load_global(in + 2 * i);
    const float y = device::load_global(in + 2 * i + 1);
    const auto parts = device::split_tf32(x);
    const std::uint32_t values[results] = {device::pack<bf16>(x, y),
                                           device::pack<f16>(x, y),
                                           device::round_to<bf16>(x).bits,
                                           device::round_to<f16>(x).bits,
                                           device::bits_of_float(device::unpack_low<bf16>(device::pack<bf16>(x, y))),
                                           device::bits_of_float(device::unpack_high<bf16>(device::pack<bf16>(x, y))),
                                           device::bits_of_float(device::unpack_low<f16>(device::pack<f16>(x, y))),
                                           device::bits_of_float(device::unpack_high<f16>(device::pack<f16>(x, y))),
                                           parts.high,
                                           parts.low};
    HEDDLE_DEVICE_UNROLL
    for (unsigned r = 0; r < results; ++r) device::store_global(out + i * results + r, values[r]);
  }
};

struct functions {
  static constexpr unsigned threads = 32;
  static constexpr unsigned results = 12;
  const float* in;
  float* out;  // [n, results]

  HEDDLE_DEVICE void operator()() const {
    const unsigned i = device::block_index() * threads + device::thread();
    const float x = device::load_global(in + i);
    const float positive = x < 0 ? -x : x;
    const float values[results] = {device::exp2(x),         device::log2(positive), device::rcp(x),
                                   device::rsqrt(positive), device::sqrt(positive), device::exp(x),
                                   device::log(positive),   device::tanh(x),        device::erf(x),
                                   device::tanh_fast(x),    device::max(x, 0.5f),   device::fma(x, x, 1.0f)};
    HEDDLE_DEVICE_UNROLL
    for (unsigned r = 0; r < results; ++r) device::store_global(out + i * results + r, values[r]);
  }
};

std::uint32_t tf32_of(float x) { return (std::bit_cast<std::uint32_t>(x) + 0x1000u) & 0xffffe000u; }

}  // namespace

TEST_CASE("device: conversions are those of the host, bit for bit") {
  auto in = heddle::test::normal_vector(2 * 1024, 1);
  const float special[] = {
      0.0f,  -0.0f,   1.00390625f, 1.01171875f, 65504.0f,        65520.0f,         1e-7f,           6e-8f,
      1e30f, -1e-30f, INFINITY,    -INFINITY,   1.0f + 0x1p-11f, -1.0f - 0x1p-11f, 1.0f + 0x1p-12f, 1.0f - 0x1p-24f};
  std::copy(std::begin(special), std::end(special), in.begin());
  on_device<float> from(in);
  constexpr unsigned results = conversions::results;
  on_device<std::uint32_t> to(std::vector<std::uint32_t>(1024 * results));
  in_both_orders([&] { device::launch({}, 32, 0, conversions{from.data(), to.data()}); });
  const auto out = to.to_host();
  for (unsigned i = 0; i < 1024; ++i) {
    const float x = in[2 * i];
    const float y = in[2 * i + 1];
    const std::uint32_t* mine = out.data() + i * results;
    CAPTURE(x, y);
    REQUIRE(mine[0] == (bf16(x).bits | std::uint32_t{bf16(y).bits} << 16));
    REQUIRE(mine[1] == (f16(x).bits | std::uint32_t{f16(y).bits} << 16));
    REQUIRE(mine[2] == bf16(x).bits);
    REQUIRE(mine[3] == f16(x).bits);
    REQUIRE(mine[4] == std::bit_cast<std::uint32_t>(float{bf16(x)}));
    REQUIRE(mine[5] == std::bit_cast<std::uint32_t>(float{bf16(y)}));
    REQUIRE(mine[6] == std::bit_cast<std::uint32_t>(float{f16(x)}));
    REQUIRE(mine[7] == std::bit_cast<std::uint32_t>(float{f16(y)}));
    if (std::isinf(x)) continue;
    REQUIRE(mine[8] == tf32_of(x));
    const auto high = std::bit_cast<float>(mine[8]);
    REQUIRE(mine[9] == tf32_of(x - high));
    REQUIRE(std::abs(x - (high + std::bit_cast<float>(mine[9]))) <= 0x1p-22f * std::abs(x));
  }
}

TEST_CASE("device: functions within their errors") {
  const auto in = heddle::test::normal_vector(1024, 2);
  on_device<float> from(in);
  constexpr unsigned results = functions::results;
  on_device<float> to(std::vector<float>(1024 * results));
  in_both_orders([&] { device::launch({}, 32, 0, functions{from.data(), to.data()}); });
  const auto out = to.to_host();
  const auto close = [](float got, double wanted, double relative, double absolute = 0) {
    return std::abs(double{got} - wanted) <= relative * std::abs(wanted) + absolute;
  };
  for (unsigned i = 0; i < 1024; ++i) {
    const double x = in[i];
    const double positive = std::abs(x);
    const float* mine = out.data() + i * results;
    CAPTURE(x);
    REQUIRE(close(mine[0], std::exp2(x), 3e-7));
    REQUIRE(close(mine[1], std::log2(positive), 1e-6, 3e-7));
    REQUIRE(close(mine[2], 1 / x, 1.3e-7));
    REQUIRE(close(mine[3], 1 / std::sqrt(positive), 2.4e-7));
    REQUIRE(close(mine[4], std::sqrt(positive), 6e-8));
    REQUIRE(close(mine[5], std::exp(x), 3e-7));
    REQUIRE(close(mine[6], std::log(positive), 3e-7, 1e-7));
    REQUIRE(close(mine[7], std::tanh(x), 3e-7));
    REQUIRE(close(mine[8], std::erf(x), 3e-7));
    REQUIRE(close(mine[9], std::tanh(x), 6e-4));
    REQUIRE(mine[10] == std::fmax(in[i], 0.5f));
    REQUIRE(mine[11] == std::fma(in[i], in[i], 1.0f));
  }
}
