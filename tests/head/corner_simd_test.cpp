// Corner heads on vectors: as the reference backend, and the same bits for every number of threads.
#include <cstring>
#include <vector>

#include "heddle/backend/reference.hpp"
#include "heddle/backend/simd.hpp"
#include "heddle/head/pyramid_corner.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_weights.hpp"

namespace {

using namespace heddle;

/// Both heat maps: positions hide differences of single cells.
template <class Backend, class Branch>
std::vector<float> heat_of(Branch branch, const map_extents& e, const std::vector<float>& x, const Backend& backend) {
  prepare<Backend>(branch, backend);
  std::vector<float> y(Branch::output_extents(e).size());
  const workspace scratch(workspace_bytes<Branch>(e, backend));
  run(branch, map_view<const float>(x.data(), e), map_view<float>(y.data(), Branch::output_extents(e)), scratch, backend);
  return y;
}

template <class F>
void check(F run) {
  const std::vector<float> expected = run(reference{});
  const std::vector<float> actual = run(simd{});
  CHECK(test::worst(expected, actual).relative() < 1e-5);
#if defined(_OPENMP)
  const std::vector<float> parallel = run(simd_on<openmp>{openmp(3)});
  CHECK(std::memcmp(parallel.data(), actual.data(), actual.size() * sizeof(float)) == 0);
#endif
}

}  // namespace

TEST_CASE("the pyramid corner head on vectors", "[simd]") {
  pyramid_corner_branch<20, 24> branch;
  test::bind_random_weights(branch, 21);
  const map_extents e(2, 5, 7, 20);
  const std::vector<float> x = test::normal_vector(e.size(), 22);
  check([&](const auto& backend) { return heat_of(branch, e, x, backend); });
}
