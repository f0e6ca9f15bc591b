// The MixFormerV2 tracker: it allocates nothing while it runs, bears frames of any size, renews its template when it should,
// and refuses what cannot be followed.
#include "mixformerv2/tracker.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include <heddle/backend/reference.hpp>

#include "examples/noise_frame.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/random_weights.hpp"

namespace {

using namespace heddle;
using namespace heddle::examples;

constexpr mixformerv2_config small_config{
    .search_size = 24, .template_size = 16, .patch = 8, .channels = 24, .depth = 2, .heads = 2, .hidden = 36, .bins = 10};
using network = mixformerv2<small_config>;
using tracker_type = mixformerv2_tracker<small_config, reference>;
static_assert(box_tracker<tracker_type>);

using frame = test::noise_frame;

/// A network whose confidence is `logit` whatever it sees.
network network_with_score(float logit) {
  network net;
  test::bind_random_weights(net, 3);
  static const std::vector<float> zeros(small_config.channels, 0.0F);
  net.score_head.fc2.weight.bind(zeros.data());
  auto value = std::make_shared<float>(logit);
  net.score_head.fc2.bias.bind(value.get(), value);
  prepare<reference>(net);
  return net;
}

std::vector<std::uint8_t> online(const tracker_type& t) {
  const auto image = t.online_template();
  return {image.data_handle(), image.data_handle() + image.size()};
}

bool inside(const box& b, double width, double height) {
  return b.x >= 0 && b.y >= 0 && b.w >= 10 && b.h >= 10 && b.x <= width - 10 && b.y <= height - 10;
}

}  // namespace

TEST_CASE("a tracker allocates nothing after it was made") {
  const network net = network_with_score(2.0F);
  const frame first(60, 80, 1);
  const frame larger(120, 90, 2);
  const frame next(60, 80, 3);
  tracker_type tracker(net, {.update_interval = 2});  // confident: templates are renewed on the way
  const test::allocations counted;
  tracker.init(first.view(), {30, 20, 14, 18});
  for (int i = 0; i < 3; ++i) {
    tracker.track(next.view());
    tracker.track(larger.view());
  }
  const std::size_t count = counted.count();  // before the macro, which allocates
  CHECK(count == 0);
}

TEST_CASE("a box stays inside frames of any size") {
  const network net = network_with_score(2.0F);
  tracker_type tracker(net);
  const frame first(60, 80, 1);
  tracker.init(first.view(), {-6, -8, 20, 20});  // partly outside
  for (unsigned i = 0; i < 6; ++i) {
    const frame f(i % 2 == 0 ? 33 : 140, i % 2 == 0 ? 150 : 31, 2 + i);
    const track_result r = tracker.track(f.view());
    CHECK(inside(r.box, static_cast<double>(f.width), static_cast<double>(f.height)));
    CHECK(std::abs(r.score - 1.0 / (1.0 + std::exp(-2.0))) < 1e-6);
  }
}

TEST_CASE("two runs on the same frames are the same, also in the other order of colours") {
  const network net = network_with_score(0.1F);
  const frame first(60, 80, 1);
  const frame next(60, 80, 2);
  const auto swapped = [](const frame& f) {
    frame s = f;
    for (std::size_t i = 0; i < s.bytes.size(); i += 3) std::swap(s.bytes[i], s.bytes[i + 2]);
    return s;
  };
  tracker_type a(net);
  tracker_type b(net);
  const box target{30, 20, 14, 18};
  a.init(first.view(), target);
  const box once = a.track(next.view()).box;
  a.init(first.view(), target);
  CHECK(a.track(next.view()).box == once);
  const frame first_bgr = swapped(first);
  const frame next_bgr = swapped(next);
  frame_view v = first_bgr.view();
  v.order = channel_order::bgr;
  b.init(v, target);
  v = next_bgr.view();
  v.order = channel_order::bgr;
  CHECK(b.track(v).box == once);
}

TEST_CASE("the online template is renewed at the end of an interval, by a confident frame or the first template") {
  const frame first(60, 80, 1);
  const frame next(60, 80, 2);
  const box target{30, 20, 14, 18};
  const network sure = network_with_score(2.0F);
  tracker_type tracker(sure, {.update_interval = 3});
  tracker.init(first.view(), target);
  const std::vector<std::uint8_t> initial = online(tracker);
  tracker.track(next.view());
  tracker.track(next.view());
  CHECK(online(tracker) == initial);
  tracker.track(next.view());
  CHECK(online(tracker) != initial);

  const network unsure = network_with_score(-2.0F);
  tracker_type other(unsure, {.update_interval = 1});
  other.init(first.view(), target);
  other.track(next.view());
  CHECK(online(other) == initial);
}

TEST_CASE("what cannot be followed is refused") {
  const network net = network_with_score(0.0F);
  tracker_type tracker(net);
  const frame first(60, 80, 1);
  REQUIRE_THROWS_AS(tracker.track(first.view()), shape_error);
  REQUIRE_THROWS_AS(tracker.init(first.view(), {100, 20, 14, 18}), shape_error);
  REQUIRE_THROWS_AS(tracker.init(first.view(), {30, 20, 0.5, 18}), shape_error);
  REQUIRE_THROWS_AS(tracker.init(first.view(), {std::nan(""), 20, 14, 18}), shape_error);
  REQUIRE_THROWS_AS(tracker.init({}, {30, 20, 14, 18}), shape_error);
  tracker.init(first.view(), {30, 20, 14, 18});
  REQUIRE_THROWS_AS(tracker.track({}), shape_error);
  REQUIRE_THROWS_AS(tracker_type(net, {.search_factor = 0}), shape_error);
  REQUIRE_THROWS_AS(tracker_type(net, {.update_interval = 0}), shape_error);
}
