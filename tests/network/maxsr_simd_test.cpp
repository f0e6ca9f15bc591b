// The whole of MaxSR on vectors: no allocation once it is loaded, and the same bits for every number of threads.
#include <cstring>
#include <vector>

#include "heddle/backend/reference.hpp"
#include "heddle/backend/simd.hpp"
#include "maxsr/maxsr.hpp"
#include "tests/support/allocations.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_weights.hpp"

namespace {

using namespace heddle;
using namespace heddle::examples;

using network = maxsr<maxsr_config{.scale = 2, .channels = 16, .heads = 2, .stages = 2, .depth = {1, 2}, .window = 4}>;

template <class Backend>
network loaded(const Backend& backend) {
  network net;
  test::bind_random_weights(net, 31);
  prepare(net, backend);
  return net;
}

/// The result, and how often memory was taken while it was computed.
struct outcome {
  std::vector<float> y;
  std::size_t allocations = 0;
};

template <class Backend>
outcome upscale(const map_extents& shape, const Backend& backend) {
  const network net = loaded(backend);
  const std::vector<float> x = test::normal_vector(shape.size(), 32);
  const map_extents large = output_extents<network>(shape);
  const workspace scratch(workspace_bytes<network>(shape, backend));
  outcome result{std::vector<float>(large.size()), 0};
  const map_view<const float> in(x.data(), shape);
  const map_view<float> out(result.y.data(), large);
  run(net, in, out, scratch, backend);  // the first call may start threads
  const test::allocations counted;
  run(net, in, out, scratch, backend);
  result.allocations = counted.count();
  return result;
}

}  // namespace

TEST_CASE("nothing allocates after the weights are loaded", "[network]") {
  const map_extents shape(2, 13, 22, 3);
  CHECK(upscale(shape, reference{}).allocations == 0);
  CHECK(upscale(shape, simd{}).allocations == 0);
#if defined(_OPENMP)
  CHECK(upscale(shape, simd_on<openmp>{openmp(2)}).allocations == 0);
#endif
}

TEST_CASE("a network on vectors is the network by definition, for every number of threads", "[network]") {
  for (const map_extents& shape :
       {map_extents(1, 16, 16, 3), map_extents(1, 37, 50, 3), map_extents(2, 1, 5, 3), map_extents(1, 2, 3, 3)}) {
    const outcome expected = upscale(shape, reference{});
    const outcome actual = upscale(shape, simd{});
    const auto worst = test::worst(expected.y, actual.y);
    INFO(shape.extent(1) << " x " << shape.extent(2) << ": " << worst.text());
    CHECK(worst.relative() < 1e-4);
#if defined(_OPENMP)
    for (const std::size_t threads : {std::size_t{2}, std::size_t{5}}) {
      const outcome parallel = upscale(shape, simd_on<openmp>{openmp(threads)});
      CHECK(std::memcmp(parallel.y.data(), actual.y.data(), actual.y.size() * sizeof(float)) == 0);
    }
#endif
  }
}
