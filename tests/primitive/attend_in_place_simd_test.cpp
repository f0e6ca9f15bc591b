#include <heddle/simd/attend.hpp>

#include <vector>

#include "attention/attend_case.hpp"
#include "support/catch.hpp"

using namespace heddle;
using test::attend_case;

namespace {
/// The output written over the queries is the output written elsewhere, bit for bit.
template <class Composition>
void in_place(const Composition& c, token_grid grid, std::size_t dim) {
  attend_case a(2, 3, dim, grid, grid.size());
  a.run<simd>(c);
  const auto x = qkv_views(a.projection.data(), 2, a.tokens(), 3, qkv_order::qkv_heads, dim);
  const workspace memory(plan_bytes(c, grid, 3) + attend_bytes(simd{}, c, grid, dim));
  attend<simd>(c, x.q, x.k, x.v, x.q, grid, memory);
  bool equal = true;
  for (std::size_t r = 0; r < 2 * a.tokens(); ++r)
    for (std::size_t i = 0; i < 3 * dim; ++i) equal = equal && a.projection[r * 9 * dim + i] == a.out[r * 3 * dim + i];
  CHECK(equal);
}
}  // namespace

TEST_CASE("queries may be overwritten, whatever way the kernel takes") {
  in_place(attention<>{}, sequence_grid(3), 8);    // few queries
  in_place(attention<>{}, sequence_grid(49), 32);  // short
  in_place(attention<>{}, sequence_grid(49), 7);
  in_place(attention{causal<>{}}, sequence_grid(700), 8);
  in_place(attention{window<4>{1, 2}, same_region{}, rotary<>{}}, {1, 9, 10}, 12);
}

TEST_CASE("a workspace one line short, on vectors") {
#if HEDDLE_HAS_EXCEPTIONS
  attend_case a(1, 2, 8, sequence_grid(20), 1);
  const attention<> c;
  const auto x = a.inputs();
  const workspace room(plan_bytes(c, a.grid, 2) + attend_bytes(simd{}, c, a.grid, 8));
  arena whole = room.scratch();
  whole.take<std::byte>(1);
  REQUIRE_THROWS_AS(attend(context<simd>{simd{}, whole}, c, x.q, x.k, x.v, a.output(), a.grid), workspace_error);
  for (const float y : a.out) REQUIRE(y == 77.0F);
#endif
}
