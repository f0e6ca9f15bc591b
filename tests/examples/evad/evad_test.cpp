// EVAD as a network: the published counts, independent clips, nothing allocated, and what does not fit.
#include "evad/evad.hpp"

#include <heddle/backend/reference.hpp>

#include <memory>
#include <vector>

#include "evad/detections.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/random_weights.hpp"

using namespace heddle;
using namespace heddle::examples;

// The counts of the published models, as constants of their types.
static_assert(parameters<typename evad<evad_base>::embedding_type> == 1'180'416);
static_assert(12 * parameters<typename evad<evad_base>::block_type> == 85'045'248);
static_assert(parameters<typename evad<evad_base>::pyramid_type> == 3'147'776);
static_assert(6 * parameters<typename evad<evad_base>::decoder_type::stage_type> == 79'292'196);
static_assert(evad_base.decoder_depth * parameters<typename evad<evad_base>::branch_type::block_type> == 16'371'168);
static_assert(parameters<evad<evad_base>> == 185'359'636);
static_assert(24 * parameters<typename evad<evad_large>::block_type> == 302'284'800);
static_assert(evad_large.decoder_depth * parameters<typename evad<evad_large>::branch_type::block_type> == 52'421'568);
static_assert(parameters<evad<evad_large>> == 439'535'220);

namespace {

constexpr evad_config small = [] {
  evad_config c;
  c.frames = 4;
  c.channels = 8;
  c.depth = 4;
  c.heads = 2;
  c.hidden = 12;
  c.table_side = 3;
  c.keep_rate[1] = {7, 10};
  c.keep_rate[2] = {8, 10};
  c.keyframe_weight = {4, 1};
  c.taps = {0, 1, 2, 3};
  c.detector = {.channels = 6, .heads = 2, .dynamic = 3, .hidden = 8, .bins = 3, .stages = 1, .queries = 4};
  c.decoder_channels = 6;
  c.decoder_depth = 1;
  c.decoder_heads = 2;
  c.decoder_hidden = 8;
  c.action_hidden = 7;
  c.actions = 5;
  c.action_bins = 2;
  return c;
}();
using network = evad<small>;
constexpr evad_config without_bias = [] {
  evad_config c = small;
  c.qkv_bias = false;
  return c;
}();
// That is the encoder's: queries and values of the decoder always have biases.
static_assert(parameters<typename evad<without_bias>::branch_type::block_type> ==
              parameters<typename network::branch_type::block_type>);
static_assert(parameters<typename evad<without_bias>::block_type> ==
              parameters<typename network::block_type> - 2 * small.channels);

constexpr std::size_t frame = 4 * 64 * 96 * 3;  // floats of a clip
static_assert(network::tokens_left(24) == 28);  // 48 -> ceil(33.6) = 34 -> ceil(27.2) = 28

struct result {
  std::vector<float> logits;
  std::vector<float> boxes;
  std::vector<float> actions;
  std::size_t allocations = 0;

  explicit result(std::size_t clips) : logits(clips * 8), boxes(clips * 16), actions(clips * 20) {}
  evad_outputs views() {
    return {make_matrix(logits.data(), logits.size() / 2, 2), make_matrix(boxes.data(), boxes.size() / 4, 4),
            make_matrix(actions.data(), actions.size() / 5, 5)};
  }
};

std::unique_ptr<network> random_network() {
  auto net = std::make_unique<network>();
  test::bind_random_weights(*net, 3);
  prepare<reference>(*net);
  return net;
}

result run_clips(const network& net, const float* x, std::size_t clips) {
  const dynamic_extents<5> e(clips, 4, 64, 96, 3);
  const std::vector<float> sizes{96, 64, 90, 60};
  result r(clips);
  const workspace scratch(network::scratch_bytes(reference{}, e));
  const test::allocations counted;
  net.forward(context<reference>{{}, scratch.scratch()}, volume_view<const float>(x, e), make_matrix(sizes.data(), clips, 2),
              r.views());
  r.allocations = counted.count();
  return r;
}

}  // namespace

TEST_CASE("evad: clips of a batch do not meet, and nothing allocates") {
  const auto net = random_network();
  const std::vector<float> x = test::normal_vector(2 * frame, 4);
  const result together = run_clips(*net, x.data(), 2);
  const result alone = run_clips(*net, x.data(), 1);
  CHECK(test::worst(alone.boxes, std::vector<float>(together.boxes.begin(), together.boxes.begin() + 16)).relative() < 1e-6);
  CHECK(test::worst(alone.actions, std::vector<float>(together.actions.begin(), together.actions.begin() + 20)).relative() <
        1e-6);
  CHECK(together.allocations == 0);
}

TEST_CASE("evad: what does not fit is refused before any work") {
  const auto net = random_network();
  const std::vector<float> x(2 * frame);
  const std::vector<float> sizes{96, 64};
  result r(1);
  [[maybe_unused]] const auto run = [&](const dynamic_extents<5>& e, std::size_t bytes) {
    const workspace scratch(bytes);
    net->forward(context<reference>{{}, scratch.scratch()}, volume_view<const float>(x.data(), e),
                 make_matrix(sizes.data(), 1, 2), r.views());
  };
  [[maybe_unused]] const std::size_t enough = network::scratch_bytes(reference{}, dynamic_extents<5>(1, 4, 64, 96, 3));
  REQUIRE_THROWS_AS(run(dynamic_extents<5>(1, 6, 64, 96, 3), enough), shape_error);
  REQUIRE_THROWS_AS(run(dynamic_extents<5>(1, 4, 48, 96, 3), enough), shape_error);
  REQUIRE_THROWS_AS(run(dynamic_extents<5>(2, 4, 64, 96, 3), enough), shape_error);
  REQUIRE_THROWS_AS(run(dynamic_extents<5>(1, 4, 64, 96, 3), enough - 64), workspace_error);
  CHECK(r.boxes == std::vector<float>(16));
}

TEST_CASE("evad: persons are chosen, or all boxes where there is none") {
  const float logits[] = {3, 0, 0, 0, 1, 0};
  std::vector<float> scores(3);
  person_scores(make_matrix(logits, 3, 2), scores);
  CHECK(scores[1] == 0.5F);
  std::vector<std::int32_t> chosen(3);
  CHECK(choose_persons(scores, 0.7F, chosen) == 2);
  CHECK((chosen[0] == 0 && chosen[1] == 2));
  CHECK(choose_persons(scores, 0.99F, chosen) == 3);
  const float box[] = {-5, 10, 200, 63.5F};
  std::vector<float> in_video(4);
  boxes_in_video(make_matrix(box, 1, 4), {96, 64, 192, 640}, make_matrix(in_video.data(), 1, 4));
  CHECK(in_video == std::vector<float>{0, 100, 190, 630});
}
