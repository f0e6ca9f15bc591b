// `each` and what layers made of it, on the emulated device.
#include <heddle/cuda/each.cuh>
#include <heddle/cuda/runtime/runtime.hpp>

#include "tests/support/catch.hpp"

using namespace heddle;

namespace {
struct square {
  float* y;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const { y[i] = static_cast<float>(i * i); }
};
}  // namespace

TEST_CASE("each calls a function once for every number", "[cuda]") {
  for (const std::size_t n : {0U, 1U, 127U, 128U, 129U, 1000U}) {
    device_tensor<float, extents<dyn>> y{extents<dyn>(n + 1)};
    each(context<cuda<>>{}, n, square{y.data()});
    const auto got = y.to_host();
    for (std::size_t i = 0; i < n; ++i) REQUIRE(got(i) == static_cast<float>(i * i));
    CHECK(got(n) == 0.0F);
  }
}
