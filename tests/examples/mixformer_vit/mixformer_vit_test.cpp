// MixFormer-ViT: two passes are the masked one, a tracker allocates nothing per frame, and what cannot be is refused.
#include "mixformer_vit/tracker.hpp"

#include <cmath>

#include "heddle/backend/reference.hpp"
#include "tests/examples/one_stream.hpp"
#include "tests/support/allocations.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_weights.hpp"

namespace {

using namespace heddle;
using namespace heddle::examples;

constexpr mixvit_config small{.search_size = 32,
                              .template_size = 16,
                              .patch = 8,
                              .dim = 16,
                              .depth = 2,
                              .heads = 2,
                              .head_channels = 8,
                              .score_heads = 2};
using network = mixformer_vit<small>;
using tracker = mixvit_tracker<small, reference>;
static_assert(box_tracker<tracker>);

// The counts of the published models: position tables are counted, frozen norms are not.
static_assert(parameters<mixformer_vit<mixvit_base>> == 103'388'551);
static_assert(parameters<mixformer_vit<mixvit_large>> == 328'968'327);
static_assert(parameters<mixvit_backbone<mixvit_base>> == 85'943'040);
static_assert(parameters<mixvit_backbone<mixvit_large>> == 303'834'112);

// the published parts
static_assert(parameters<corner_head<pyramid_corner_branch<768, 384>>> == 11'543'062 - 9'616, "norms are frozen");
static_assert(parameters<score_head<768, 12>> == 5'912'065);
static_assert(parameters<score_head<1024, 16>> == 10'504'193);
static_assert(parameters<corner_head<pyramid_corner_branch<1024, 384>>> == 14'639'638 - 9'616);

network random_network() {
  network net;
  test::bind_random_weights(net, 3);
  prepare<reference>(net);
  return net;
}

}  // namespace

TEST_CASE("templates run once are mixed attention", "[mixformer_vit]") {
  const network net = random_network();
  constexpr std::size_t t = small.template_tokens();
  constexpr std::size_t s = small.search_tokens();
  constexpr std::size_t tokens = 2 * t + s;
  const std::vector<float> images = test::normal_vector(2 * network::backbone_type::template_extents(1).size(), 5);
  const std::vector<float> search = test::normal_vector(network::backbone_type::search_extents(1).size(), 6);
  const map_extents te = network::backbone_type::template_extents(1);
  const map_view<const float> templates[] = {{images.data(), te}, {images.data() + te.size(), te}};
  network::memory_type memory(2);
  const workspace scratch(std::max(network::template_bytes(reference{}, 1, 2), network::scratch_bytes(reference{}, 1, 2)));
  const context<reference> ctx{reference{}, scratch.scratch()};
  net.set_templates(ctx, templates, memory);
  std::vector<float> features(s * small.dim);
  net.backbone.forward(ctx, map_view<const float>(search.data(), network::backbone_type::search_extents(1)), memory,
                       map_view<float>(features.data(), network::backbone_type::feature_extents(1)));

  std::vector<float> x(tokens * small.dim);
  const auto embed = [&](map_view<const float> image, const float* positions, std::size_t first, std::size_t count) {
    const map_extents e = network::backbone_type::patch_type::output_extents(image.extents());
    const workspace own(workspace_bytes<network::backbone_type::patch_type, reference>(image.extents()));
    run<reference>(net.backbone.patch_embed, image, map_view<float>(x.data() + first * small.dim, e), own);
    for (std::size_t i = 0; i < count * small.dim; ++i) x[first * small.dim + i] += positions[i];
  };
  embed(templates[0], net.backbone.pos_embed_t.data(), 0, t);
  embed(templates[1], net.backbone.pos_embed_t.data(), t, t);
  embed(map_view<const float>(search.data(), network::backbone_type::search_extents(1)), net.backbone.pos_embed_s.data(), 2 * t,
        s);
  using rule = mixed<segments<t, t, s>, sees<0, 1>, sees<0, 1>, sees<0, 1, 2>>;
  using masked = encoder_block<layer_norm<small.dim, ratio{1, 1000000}>, self_attention<small.dim, small.heads, rule>,
                               mlp<small.dim, 4 * small.dim>>;
  test::run_masked(net.backbone.blocks, masked{}, x, map_extents(1, 1, tokens, small.dim));
  const std::span<const float> all(x);
  CHECK(test::worst(all.subspan(2 * t * small.dim), std::span<const float>(features)).relative() < 1e-5);
  CHECK(test::worst(all.first(2 * t * small.dim), std::span<const float>(memory.tokens().data_handle(), 2 * t * small.dim))
            .relative() < 1e-5);
}

TEST_CASE("the MixFormer-ViT tracker", "[mixformer_vit]") {
  const network net = random_network();
  tracker follow(net, {.online_size = 2, .update_interval = 2, .confidence = 0.0});
  const test::noisy_frame first(48, 64, 20, 1);
  const test::noisy_frame larger(70, 96, 30, 2);
  SECTION("nothing is allocated after it was made, whatever the size of the frames") {
    const test::allocations counted;
    follow.init(first.view(), {18, 14, 14, 12});
    for (int i = 0; i < 6; ++i) {
      const track_result r = follow.track(i % 2 == 0 ? first.view() : larger.view());
      CHECK((r.score >= 0 && r.score <= 1));
      CHECK((r.box.w >= 10 && r.box.h >= 10));
    }
    CHECK(counted.count() == 0);
  }
  SECTION("online templates are appended, then replaced in turn") {
    follow.init(first.view(), {18, 14, 14, 12});
    CHECK(follow.online_templates() == 1);
    follow.track(first.view());
    CHECK(follow.online_templates() == 1);
    for (int i = 0; i < 5; ++i) follow.track(first.view());
    CHECK(follow.online_templates() == 2);
    follow.init(first.view(), {18, 14, 14, 12});
    CHECK(follow.online_templates() == 1);
  }
  SECTION("the same frames give the same boxes") {
    follow.init(first.view(), {18, 14, 14, 12});
    const box a = follow.track(larger.view()).box;
    follow.init(first.view(), {18, 14, 14, 12});
    CHECK(follow.track(larger.view()).box == a);
  }
  SECTION("what cannot be is refused") {
    REQUIRE_THROWS_AS(follow.track(first.view()), shape_error);
    REQUIRE_THROWS_AS(follow.init(first.view(), {64, 14, 14, 12}), shape_error);
    REQUIRE_THROWS_AS(follow.init({}, {1, 1, 14, 12}), shape_error);
    follow.init(first.view(), {18, 14, 14, 12});
    REQUIRE_THROWS_AS(follow.track({}), shape_error);
    REQUIRE_THROWS_AS(tracker(net, {.search_factor = 0.0}), shape_error);
    REQUIRE_THROWS_AS(tracker(net, {.online_size = 0}), shape_error);
  }
}

TEST_CASE("MixFormer-ViT refuses what does not fit before any work", "[mixformer_vit]") {
  const network net = random_network();
  network::memory_type memory(1);
  const workspace scratch(network::scratch_bytes(reference{}, 1, 1));
  [[maybe_unused]] const context<reference> ctx{reference{}, scratch.scratch()};
  const std::vector<float> pixels(network::backbone_type::search_extents(1).size());
  const map_view<const float> image(pixels.data(), network::backbone_type::search_extents(1));
  std::vector<float> boxes(4), logits(1);
  [[maybe_unused]] const map_view<float> y(boxes.data(), map_extents(1, 1, 1, 4));
  REQUIRE_THROWS_AS(net.forward(ctx, image, memory, y, logits), shape_error);  // no template
  [[maybe_unused]] const map_view<const float> wrong[] = {image};
  REQUIRE_THROWS_AS(net.set_templates(ctx, wrong, memory), shape_error);
  const map_extents te = network::backbone_type::template_extents(1);
  [[maybe_unused]] const map_view<const float> two[] = {{pixels.data(), te}, {pixels.data(), te}};
  const workspace large(network::template_bytes(reference{}, 1, 2));
  [[maybe_unused]] const context<reference> roomy{reference{}, large.scratch()};
  REQUIRE_THROWS_AS(net.set_templates(roomy, two, memory), shape_error);  // room for one
  const workspace tiny(64);
  [[maybe_unused]] const context<reference> cramped{reference{}, tiny.scratch()};
  REQUIRE_THROWS_AS(net.set_templates(cramped, std::span(two).first(1), memory), workspace_error);
}
