#include "support/allocations.hpp"

#include <heddle/backend/reference.hpp>

#include <vector>

#include "support/catch.hpp"
#include "support/random.hpp"
#include "support/random_weights.hpp"
#include "tome/tome.hpp"

using namespace heddle;

namespace {
using network = examples::tome<examples::tome_config{
    .trunk = {.height = 24, .width = 32, .patch = 8, .channels = 16, .depth = 3, .heads = 2, .hidden = 24, .position_side = 5},
    .classes = 3}>;
static_assert(network::trunk_type::tokens == 13);
}  // namespace

TEST_CASE("a network that merges takes no memory but its workspace") {
  network net;
  test::bind_random_weights(net, 1);
  prepare<reference>(net);
  const std::vector<float> image = test::normal_vector(std::size_t{2} * 24 * 32 * 3, 2);
  std::vector<float> logits(6);
  const workspace memory(network::scratch_bytes(reference{}, 2));
  const auto run_once = [&](std::size_t r) {
    net.merge(r);
    net.forward(context<reference>{{}, memory.scratch()}, map_view<const float>(image.data(), map_extents(2, 24, 32, 3)),
                make_matrix(logits.data(), 2, 3));
  };
  run_once(3);
  const std::vector<float> first = logits;
  const test::allocations counted;
  run_once(0);
  run_once(100);
  run_once(3);
  CHECK(counted.count() == 0);
  CHECK(logits == first);
  net.merge(100);
  CHECK(net.trunk.remaining() == 3);  // 13, 7, 4, 3
}
