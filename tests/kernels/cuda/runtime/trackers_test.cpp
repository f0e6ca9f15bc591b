// Trackers on the device: the boxes of the reference backend on frames of several sizes, templates renewed on the way.
#include <heddle/backend/cuda.hpp>
#include <heddle/backend/reference.hpp>

#include <cmath>

#include "mixformer_vit/tracker.hpp"
#include "tests/examples/one_stream.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/random_weights.hpp"
#include "vittrack/tracker.hpp"

using namespace heddle;
using namespace heddle::examples;

namespace {

constexpr vittrack_config small_vittrack{
    .channels = 8, .depth = 1, .mlp_ratio = 2, .head_channels = {4, 4, 4, 4}, .template_side = 32, .search_side = 48};
constexpr mixvit_config small_mixvit{.search_size = 16,
                                     .template_size = 8,
                                     .patch = 4,
                                     .dim = 16,
                                     .depth = 1,
                                     .heads = 1,
                                     .mlp_ratio = 2,
                                     .head_channels = 8,
                                     .score_heads = 1};

/// A network on the host, and the same one on the device.
template <class Network>
struct loaded_twice {
  Network host{};
  Network placed{};

  loaded_twice() {
    test::bind_random_weights(host, 3);
    placed = host;
    prepare<reference>(host);
    to_device(placed);
  }
};

template <class Expected, class Got>
void require_same_boxes(Expected expected, Got got, int frames) {
  const test::noisy_frame first(48, 64, 20, 1);
  const test::noisy_frame larger(70, 96, 30, 2);
  expected.init(first.view(), {18, 14, 14, 12});
  got.init(first.view(), {18, 14, 14, 12});
  for (int i = 0; i < frames; ++i) {
    const auto& frame = i % 2 == 0 ? larger : first;
    const track_result a = expected.track(frame.view());
    const track_result b = got.track(frame.view());
    CHECK(std::abs(a.box.x - b.box.x) + std::abs(a.box.y - b.box.y) + std::abs(a.box.w - b.box.w) +
              std::abs(a.box.h - b.box.h) <
          1e-2);
    CHECK(std::abs(a.score - b.score) < 1e-4);
  }
}

}  // namespace

TEST_CASE("ViTTrack on the device follows as it does on the host", "[cuda]") {
  const loaded_twice<vittrack<small_vittrack>> net;
  require_same_boxes(vittrack_tracker<reference, small_vittrack>(net.host),
                     vittrack_tracker<cuda<>, small_vittrack>(net.placed), 2);
}

TEST_CASE("MixFormer-ViT on the device follows and renews its templates as it does on the host", "[cuda]") {
  const loaded_twice<mixformer_vit<small_mixvit>> net;
  const mixvit_tracking options{.online_size = 2, .update_interval = 2, .confidence = 0.0};
  mixvit_tracker<small_mixvit, reference> host(net.host, options);
  require_same_boxes(std::move(host), mixvit_tracker<small_mixvit, cuda<>>(net.placed, options), 3);
}
