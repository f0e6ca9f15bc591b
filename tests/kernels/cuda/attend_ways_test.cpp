// Which kernel of attend a call takes on a device: long problems of cuda<arch::sm_90a> that the tile engine can read go to the
// warp-specialised one, others stream; results are those of the definition either way.
#include <heddle/cuda/attend.cuh>

#include "tests/kernels/cuda/attend_way.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

constexpr std::size_t dim = 64;
using device_type = cuda<arch::sm_90a>;

/// Runs attend on the device; returns the number of tiles that the engine moved, where they are counted.
auto tiles_of_call(const way_case& s) {
  const attention c{logsumexp{}};
  const auto x = random_inputs<dim, bfloat16>(s);
  on_device<bfloat16> q(x.q, s.offset);
  on_device<bfloat16> k(x.k, s.offset);
  on_device<bfloat16> v(x.v, s.offset);
  on_device<float> out(std::vector<float>(x.q.size(), 77.0F));
  on_device<float> lse(std::vector<float>(s.batch * s.heads * s.grid.size(), 77.0F));
  const device_workspace memory(plan_bytes(c, s.grid, s.heads) + attend_bytes<bfloat16>(device_type{}, c, s.grid, dim));
  const auto heads = [&](const bfloat16* p) { return merged_heads<dim>(p, s.batch, s.grid.size(), s.heads); };
  device::emulation::counters() = {};
  attend(context<device_type>{device_type{}, memory.scratch()}, c, heads(q.data()), heads(k.data()), heads(v.data()),
         merged_heads<dim>(out.data(), s.batch, s.grid.size(), s.heads), s.grid, lse_view(lse.data(), s));
  const auto tiles = device::emulation::counters().tiles;
  require_close(by_definition<dim>(c, s, x), {out.to_host(), lse.to_host()}, true, 2e-3, 0.008);
  return tiles;
}

}  // namespace

TEST_CASE("attend cuda ways: the tile engine where it can read the views") {
  CHECK(tiles_of_call(way_case::self(sequence_grid(300), 1, 1)) > 0);
  CHECK(tiles_of_call(way_case::self(sequence_grid(300), 2, 1, 1, 1)) == 0);  // not aligned
  CHECK(tiles_of_call(way_case::self(sequence_grid(60), 3, 1)) == 0);         // a small problem
}
