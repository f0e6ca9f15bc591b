// MixFormerV2: the published counts, kept templates against the joint pass, pruned checkpoints, what is refused.
#include "mixformerv2/mixformerv2.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <heddle/backend/reference.hpp>

#include "mixformerv2/templates.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/random_weights.hpp"

namespace {

using namespace heddle;
using namespace heddle::examples;

// The counts of the published models: constants of their types.
static_assert(parameters<mixformerv2<mixformerv2_b>> == 58'855'201);
static_assert(parameters<mixformerv2<mixformerv2_s>> == 16'228'897);
static_assert(parameters<mixformerv2<mixformerv2_12>> == 86'596'824);
static_assert(parameters<mixformerv2<without_score(mixformerv2_b)>> == 58'855'201 - 591'361);
static_assert(parameters<decltype(mixformerv2<mixformerv2_b>::box_head)> == 666'144);
static_assert(parameters<decltype(mixformerv2<mixformerv2_12>::box_head)> == 647'640);
static_assert(parameters<decltype(mixformerv2<mixformerv2_b>::score_head)> == 591'361);
static_assert(parameters<decltype(mixformerv2<mixformerv2_b>::search_positions)> +
                  parameters<decltype(mixformerv2<mixformerv2_b>::template_positions)> ==
              297'984);
static_assert(parameters<decltype(mixformerv2<mixformerv2_s>::search_positions)> +
                  parameters<decltype(mixformerv2<mixformerv2_s>::template_positions)> ==
              188'160);
static_assert(mixformerv2<mixformerv2_b>::multiply_adds() == 28'130'970'624);
static_assert(mixformerv2<mixformerv2_s>::multiply_adds() == 4'822'035'456);
static_assert(mixformerv2<mixformerv2_12>::multiply_adds() == 42'058'211'328);
static_assert(mixformerv2<mixformerv2_b>::kept_multiply_adds() == 20'606'389'248);
static_assert(mixformerv2<mixformerv2_s>::kept_multiply_adds() == 3'317'959'680);

constexpr mixformerv2_config small_config{
    .search_size = 24, .template_size = 16, .patch = 8, .channels = 24, .depth = 2, .heads = 2, .hidden = 36, .bins = 10};
using network = mixformerv2<small_config>;
static_assert(network::scratch_bytes(reference{}, 2) > 0, "a constant for constant shapes");

network random_network(unsigned seed = 3) {
  network net;
  test::bind_random_weights(net, seed);
  prepare<reference>(net);
  return net;
}

struct pictures {
  std::vector<float> first = test::normal_vector(network::template_extents().size(), 11);
  std::vector<float> online = test::normal_vector(network::template_extents().size(), 12);
  std::vector<float> search = test::normal_vector(network::search_extents().size(), 13);

  mixformerv2_images images() const {
    return {{first.data(), network::template_extents()},
            {online.data(), network::template_extents()},
            {search.data(), network::search_extents()}};
  }
  std::vector<float> templates() const {
    std::vector<float> both = first;
    both.insert(both.end(), online.begin(), online.end());
    return both;
  }
};

struct prediction {
  std::vector<float> numbers = std::vector<float>(5, -1.0F);  ///< box and score
  mixformerv2_outputs outputs() {
    mixformerv2_outputs out;
    out.boxes = make_matrix(numbers.data(), 1, 4);
    out.scores = std::span<float>(numbers).last(1);
    return out;
  }
};

}  // namespace

TEST_CASE("names are those of the official weights") {
  network net;
  std::vector<std::string> names;
  for (const parameter_entry& e : list_parameters(net)) names.push_back(e.name);
  CHECK(names.size() == 6 + 2 * 12 + 8 + 4);
  for (const char* name :
       {"backbone.pos_embed_s", "backbone.pos_embed_t", "backbone.reg_tokens", "backbone.pos_embed_reg",
        "backbone.patch_embed.proj.weight", "backbone.blocks.1.attn.qkv.bias", "backbone.blocks.0.mlp.fc2.weight",
        "box_head.layers.0.1.weight", "box_head.layers.1.0.bias", "score_head.layers.0.0.weight", "score_head.layers.1.bias"})
    CHECK(std::count(names.begin(), names.end(), name) == 1);
}

TEST_CASE("with kept templates a frame gives what the joint pass gives") {
  const network net = random_network();
  const pictures p;
  prediction joint;
  const workspace scratch(network::scratch_bytes(reference{}, 1));
  net.forward(context<reference>{reference{}, scratch.scratch()}, p.images(), joint.outputs());

  using templates_type = mixformerv2_templates<small_config>;
  templates_type templates;
  const workspace more(std::max(templates_type::set_bytes(reference{}, 2), templates_type::forward_bytes(reference{}, 2)));
  const context<reference> ctx{reference{}, more.scratch()};
  const std::vector<float> both = p.templates();
  prediction kept;
  templates.set(ctx, net, {both.data(), network::template_extents(2)});
  templates.forward(ctx, net, p.images().search, kept.outputs());
  CHECK(test::worst(joint.numbers, kept.numbers).relative() < 1e-5);
  CHECK(templates.images() == 2);

  // Other templates, other answers; one template instead of two is allowed.
  prediction other;
  templates.set(ctx, net, {both.data(), network::template_extents(1)});
  templates.forward(ctx, net, p.images().search, other.outputs());
  CHECK(test::worst(kept.numbers, other.numbers).relative() > 1e-5);
}

TEST_CASE("what does not fit is refused") {
  const network net = random_network();
  const pictures p;
  prediction out;
  const workspace small(64);
  REQUIRE_THROWS_AS(net.forward(context<reference>{reference{}, small.scratch()}, p.images(), out.outputs()), workspace_error);
  const workspace scratch(network::scratch_bytes(reference{}, 2));
  [[maybe_unused]] const context<reference> ctx{reference{}, scratch.scratch()};
  mixformerv2_images turned = p.images();
  std::swap(turned.search, turned.first);
  REQUIRE_THROWS_AS(net.forward(ctx, turned, out.outputs()), shape_error);
  mixformerv2_outputs wrong = out.outputs();
  wrong.scores = std::span<float>(out.numbers).last(2);
  REQUIRE_THROWS_AS(net.forward(ctx, p.images(), wrong), shape_error);
  mixformerv2_templates<small_config> templates(1);
  REQUIRE_THROWS_AS(templates.forward(ctx, net, p.images().search, out.outputs()), shape_error);  // nothing was set
  const std::vector<float> both = p.templates();
  REQUIRE_THROWS_AS(templates.set(ctx, net, {both.data(), network::template_extents(2)}), shape_error);  // room for one
}

TEST_CASE("a checkpoint is loaded without its pruned blocks") {
  constexpr mixformerv2_config deep_config = [] {
    mixformerv2_config c = small_config;
    c.depth = 4;
    return c;
  }();
  mixformerv2<deep_config> deep;
  const std::size_t removed[] = {0, 2};
  const io::key_map map = pruned_key_map(4, removed);
  std::vector<std::string> sources;
  network net;
  for (const parameter_entry& e : list_parameters(net)) {
    const auto from = map.sources(e.name);
    REQUIRE(from.size() == 1);
    sources.push_back(from[0].name);
  }
  CHECK(std::count(sources.begin(), sources.end(), "backbone.blocks.1.norm1.weight") == 1);
  CHECK(std::count(sources.begin(), sources.end(), "backbone.blocks.3.mlp.fc2.bias") == 1);
  for (const std::string& s : sources) CHECK(s.find("blocks.0.") == std::string::npos);
  CHECK(std::count(sources.begin(), sources.end(), "backbone.reg_tokens") == 1);
  std::size_t left = 0;  // every tensor of the deep network is in the pruned one, or known to be left
  for (const parameter_entry& e : list_parameters(deep)) {
    const bool used = std::count(sources.begin(), sources.end(), e.name) == 1;
    CHECK(used != map.is_ignored(e.name));
    left += used ? 0 : 1;
  }
  CHECK(left == 2 * 12);
}
