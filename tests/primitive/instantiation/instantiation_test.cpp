#include <heddle/backend/reference.hpp>
#include <heddle/backend/simd.hpp>

#include "local_attention.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

using namespace heddle;

namespace {

template <class Backend>
std::vector<float> run(const std::vector<float>& projection) {
  constexpr std::size_t heads = 2, dim = 8;
  constexpr token_grid grid{1, 8, 12};
  const Backend backend{};
  const local_attention composition;
  const workspace memory(plan_bytes(composition, grid, heads) + attend_bytes(backend, composition, grid, dim));
  arena scratch = memory.scratch();
  const auto plan = plan_attention(composition, grid, heads, scratch);
  std::vector<float> out(grid.size() * heads * dim);
  const auto x = qkv_views<dim>(projection.data(), 1, grid.size(), heads);
  attend(context<Backend>{backend, scratch}, plan, x.q, x.k, x.v, merged_heads<dim>(out.data(), 1, grid.size(), heads));
  return out;
}

}  // namespace

TEST_CASE("a kernel that another unit compiled gives the same result") {
  const std::vector<float> projection = test::normal_vector(8 * 12 * 3 * 2 * 8, 1);
  const auto worst = test::worst(run<reference>(projection), run<simd>(projection));
  INFO(worst.text());
  CHECK(worst.relative() < 1e-5);
}
