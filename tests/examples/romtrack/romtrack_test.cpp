// ROMTrack: stored keys are the joint pass under its mask, the tracker allocates nothing per frame, and what cannot be is
// refused.
#include "romtrack/tracker.hpp"

#include "heddle/backend/reference.hpp"
#include "tests/examples/one_stream.hpp"
#include "tests/support/allocations.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_weights.hpp"

namespace {

using namespace heddle;
using namespace heddle::examples;

constexpr romtrack_config small{
    .search_size = 32, .template_size = 16, .patch = 8, .dim = 16, .depth = 2, .heads = 2, .head_channels = 8};
using network = romtrack<small>;
using encoder = network::encoder_type;
using tracker = romtrack_tracker<small, reference>;
static_assert(box_tracker<tracker>);

// The counts of the published models: position tables are counted, frozen norms are not.
static_assert(parameters<romtrack<romtrack_tiny>> == 8'040'645);
static_assert(parameters<romtrack<romtrack_small>> == 25'532'421);
static_assert(parameters<romtrack<romtrack_base>> == 92'366'469);
static_assert(parameters<romtrack<romtrack_base_384>> == 92'673'669);
static_assert(parameters<romtrack<romtrack_large_384>> == 312'079'749);
static_assert(parameters<romtrack_encoder<romtrack_base>> == 85'892'352);

// the published parts
static_assert(parameters<romtrack<romtrack_base>::head_type> == 6'474'117);
static_assert(parameters<romtrack<romtrack_tiny>::head_type> == 2'492'805);
static_assert(parameters<romtrack<romtrack_large_384>::head_type> == 8'243'589);
static_assert(parameters<romtrack_encoder<romtrack_large_384>> == 303'836'160);

network random_network() {
  network net;
  test::bind_random_weights(net, 3);
  prepare<reference>(net);
  return net;
}

}  // namespace

TEST_CASE("an inherent template that is run once is the joint pass", "[romtrack]") {
  const network net = random_network();
  constexpr std::size_t t = small.template_tokens();
  constexpr std::size_t s = small.search_tokens();
  constexpr std::size_t d = small.dim;
  const std::vector<float> images = test::normal_vector(2 * encoder::template_extents(1).size(), 5);
  const std::vector<float> search = test::normal_vector(encoder::search_extents(1).size(), 6);
  const map_view<const float> hybrid(images.data(), encoder::template_extents(1));
  const map_view<const float> inherent(images.data() + hybrid.size(), encoder::template_extents(1));
  const map_view<const float> region(search.data(), encoder::search_extents(1));
  network::memory_type memory;
  const workspace scratch(std::max(network::template_bytes(reference{}, 1), network::scratch_bytes(reference{}, 1)));
  const context<reference> ctx{reference{}, scratch.scratch()};
  net.set_template(ctx, inherent, hybrid, memory, false);
  std::vector<float> features(s * d), last;
  net.encoder.forward(ctx, region, memory, map_view<float>(features.data(), encoder::feature_extents(1)),
                      [&](std::size_t, matrix_view<const float> rows) {
                        last.assign(rows.data_handle(), rows.data_handle() + rows.extent(0) * d);
                      });

  std::vector<float> x((2 * t + s) * d);  // hybrid template, inherent template, search region
  const auto embed = [&](map_view<const float> image, const float* positions, std::size_t first, std::size_t count) {
    const workspace own(workspace_bytes<encoder::patch_type, reference>(image.extents()));
    run<reference>(net.encoder.patch_embed_t, image,
                   map_view<float>(x.data() + first * d, encoder::patch_type::output_extents(image.extents())), own);
    for (std::size_t i = 0; i < count * d; ++i) x[first * d + i] += positions[i];
  };
  embed(hybrid, net.encoder.pos_embed_t.data(), 0, t);
  embed(inherent, net.encoder.pos_embed_t.data(), t, t);
  embed(region, net.encoder.pos_embed_s.data(), 2 * t, s);
  using rule = mixed<segments<t, t, s>, sees<0, 1, 2>, sees<1>, sees<0, 1, 2>>;
  using masked = encoder_block<layer_norm<d, ratio{1, 1000000}>, self_attention<d, small.heads, rule>, mlp<d, 4 * d>>;
  test::run_masked(net.encoder.blocks, masked{}, x, map_extents(1, 1, 2 * t + s, d));
  const std::span<const float> all(x);
  const std::span<const float> mine(last);
  CHECK(test::worst(all.first(t * d), mine.first(t * d)).relative() < 1e-5);
  CHECK(test::worst(all.subspan(2 * t * d), mine.subspan(t * d)).relative() < 1e-5);
  CHECK(memory.variation_tokens() == t);  // the template's, for the next frame
}

TEST_CASE("the search region alone in the last block is the same as every token in it", "[romtrack]") {
  const network net = random_network();
  constexpr std::size_t batch = 2;
  const std::vector<float> image = test::normal_vector(encoder::template_extents(batch).size(), 5);
  const std::vector<float> search = test::normal_vector(encoder::search_extents(batch).size(), 6);
  const map_view<const float> templ(image.data(), encoder::template_extents(batch));
  const map_view<const float> region(search.data(), encoder::search_extents(batch));
  const workspace scratch(std::max(network::template_bytes(reference{}, batch), network::scratch_bytes(reference{}, batch)));
  const context<reference> ctx{reference{}, scratch.scratch()};
  network::memory_type whole(batch), skipping(batch);
  net.set_template(ctx, templ, templ, whole);
  net.set_template(ctx, templ, templ, skipping);
  for (int frame = 0; frame < 2; ++frame) {
    std::vector<float> expected(encoder::feature_extents(batch).size()), got(expected.size());
    net.encoder.forward(ctx, region, whole, map_view<float>(expected.data(), encoder::feature_extents(batch)),
                        [](std::size_t, matrix_view<const float>) {});
    net.encoder.forward(ctx, region, skipping, map_view<float>(got.data(), encoder::feature_extents(batch)));
    CHECK(test::worst(expected, got).relative() < 1e-6);
  }
  for (std::size_t l = 0; l < small.depth; ++l) {
    const std::size_t count = batch * small.template_tokens() * 2 * small.dim;
    CHECK(test::worst(std::span<const float>(whole.variation(l), count), std::span<const float>(skipping.variation(l), count))
              .relative() < 1e-6);
  }
}

TEST_CASE("variation tokens are read before they are replaced", "[romtrack]") {
  const network net = random_network();
  const std::vector<float> image = test::normal_vector(encoder::template_extents(1).size(), 5);
  const std::vector<float> search = test::normal_vector(encoder::search_extents(1).size(), 6);
  const map_view<const float> templ(image.data(), encoder::template_extents(1));
  const map_view<const float> region(search.data(), encoder::search_extents(1));
  network::memory_type memory;
  const workspace scratch(std::max(network::template_bytes(reference{}, 1), network::scratch_bytes(reference{}, 1)));
  const context<reference> ctx{reference{}, scratch.scratch()};
  const auto features_of = [&] {
    std::vector<float> y(encoder::feature_extents(1).size());
    net.encoder.forward(ctx, region, memory, map_view<float>(y.data(), encoder::feature_extents(1)));
    return y;
  };
  net.set_template(ctx, templ, templ, memory);
  const std::vector<float> first = features_of();
  const std::vector<float> second = features_of();
  CHECK(test::worst(first, second).relative() > 1e-5);  // the state moved on
  net.set_template(ctx, templ, templ, memory);
  CHECK(features_of() == first);  // and is forgotten
  CHECK(features_of() == second);
}

TEST_CASE("the ROMTrack tracker", "[romtrack]") {
  const network net = random_network();
  tracker follow(net);
  const test::noisy_frame first(48, 64, 20, 1);
  const test::noisy_frame larger(70, 96, 30, 2);
  SECTION("nothing is allocated after it was made, whatever the size of the frames") {
    const test::allocations counted;
    follow.init(first.view(), {18, 14, 14, 12});
    for (int i = 0; i < 4; ++i) {
      const track_result r = follow.track(i % 2 == 0 ? first.view() : larger.view());
      CHECK((r.score > 0 && r.score < 1));
      CHECK((r.box.w >= 10 && r.box.h >= 10));
    }
    CHECK(counted.count() == 0);
  }
  SECTION("a new target forgets the old one") {
    follow.init(first.view(), {18, 14, 14, 12});
    const box a = follow.track(larger.view()).box;
    follow.track(first.view());
    follow.init(first.view(), {18, 14, 14, 12});
    CHECK(follow.track(larger.view()).box == a);
  }
  SECTION("what cannot be is refused") {
    REQUIRE_THROWS_AS(follow.track(first.view()), shape_error);
    REQUIRE_THROWS_AS(follow.init(first.view(), {-20, 14, 14, 12}), shape_error);
    follow.init(first.view(), {18, 14, 14, 12});
    REQUIRE_THROWS_AS(follow.track({}), shape_error);
    REQUIRE_THROWS_AS(tracker(net, {.template_factor = -1.0}), shape_error);
    network::memory_type memory;
    const workspace scratch(network::scratch_bytes(reference{}, 1));
    std::vector<float> pixels(encoder::search_extents(1).size()), features(encoder::feature_extents(1).size());
    REQUIRE_THROWS_AS(net.encoder.forward(context<reference>{reference{}, scratch.scratch()},
                                          map_view<const float>(pixels.data(), encoder::search_extents(1)), memory,
                                          map_view<float>(features.data(), encoder::feature_extents(1))),
                      shape_error);
  }
}
