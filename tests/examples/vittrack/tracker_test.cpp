// The tracking loop on a small network with random weights: it allocates nothing, forgets nothing, and takes any frame.
#include "vittrack/tracker.hpp"

#include <heddle/backend/reference.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "examples/noise_frame.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/random_weights.hpp"

namespace {

using namespace heddle;
using namespace heddle::examples;

constexpr vittrack_config small_config{
    .channels = 8, .depth = 1, .mlp_ratio = 2, .head_channels = {4, 4, 4, 4}, .template_side = 32, .search_side = 48};
using small_network = vittrack<small_config>;
using small_tracker = vittrack_tracker<reference, small_config>;
static_assert(box_tracker<small_tracker>);
static_assert(parameters<vittrack<>> == 173'953);
// What the exported network computes: both images, and their attention.
static_assert(vittrack<>::multiply_adds_with_template() == 84'571'136);
static_assert(vittrack<>::multiply_adds() == 81'916'928);  // of a frame: the template's tokens are kept

const small_network& network() {
  static const small_network net = [] {
    small_network n;
    test::bind_random_weights(n, 3);
    prepare<reference>(n);
    return n;
  }();
  return net;
}

using frame = test::noise_frame;

}  // namespace

TEST_CASE("vittrack_tracker: nothing allocates after it was made, whatever the frames") {
  const frame frames[] = {{60, 80, 1}, {90, 50, 2}, {20, 200, 3}, {1, 1, 4}};
  small_tracker tracker(network());
  const test::allocations counted;
  tracker.init(frames[0].view(), {20, 10, 30, 25});
  for (int i = 0; i < 40; ++i) {
    const track_result r = tracker.track(frames[i % 4].view());
    REQUIRE(std::isfinite(r.box.x + r.box.y + r.box.w + r.box.h));
    REQUIRE(r.box.w >= 10);
    REQUIRE(r.box.h >= 10);
    REQUIRE((r.score > 0 && r.score < 1));
  }
  REQUIRE(counted.count() == 0);
}

TEST_CASE("vittrack_tracker: init begins anew, and the order of the channels does not matter") {
  const frame first(60, 80, 1);
  const frame second(60, 80, 2);
  frame swapped = second;
  for (std::size_t i = 0; i < swapped.bytes.size(); i += 3) std::swap(swapped.bytes[i], swapped.bytes[i + 2]);
  frame swapped_first = first;
  for (std::size_t i = 0; i < swapped_first.bytes.size(); i += 3) std::swap(swapped_first.bytes[i], swapped_first.bytes[i + 2]);
  const box target{20, 10, 30, 25};
  small_tracker tracker(network());
  tracker.init(first.view(), target);
  const box once = tracker.track(second.view()).box;
  tracker.track(first.view());
  tracker.init(swapped_first.view(channel_order::bgr), target);
  CHECK(tracker.track(swapped.view(channel_order::bgr)).box == once);
}

TEST_CASE("vittrack_tracker: boxes stay inside the frame") {
  const frame first(64, 64, 1);
  small_tracker tracker(network());
  tracker.init(first.view(), {-20, -20, 30, 30});
  for (unsigned i = 0; i < 20; ++i) {
    const box b = tracker.track(first.view()).box;
    REQUIRE(b.x >= 0);
    REQUIRE(b.y >= 0);
    REQUIRE(b.x <= 54);
    REQUIRE(b.y <= 54);
  }
}

#if HEDDLE_HAS_EXCEPTIONS
TEST_CASE("vittrack_tracker: what it cannot begin with is refused by name") {
  const frame first(60, 80, 1);
  small_tracker tracker(network());
  CHECK_THROWS_AS(tracker.track(first.view()), shape_error);
  CHECK_THROWS_AS(tracker.init({}, {0, 0, 10, 10}), shape_error);
  for (const box& b : {box{80, 0, 10, 10}, box{-10, 0, 10, 10}, box{0, 60, 10, 10}, box{0, 0, 0, 10},
                       box{0, 0, std::nan(""), 10}, box{0, 0, 1e9, 10}})
    CHECK_THROWS_AS(tracker.init(first.view(), b), shape_error);
  CHECK_THROWS_AS(tracker.track(first.view()), shape_error);
}
#endif
