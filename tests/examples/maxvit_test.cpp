// MaxViT as a module: its workspace is what it says, images are independent, and what does not fit is refused.
#include "maxvit/maxvit.hpp"

#include <heddle/backend/reference.hpp>

#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/random_weights.hpp"

namespace {

using namespace heddle;

constexpr examples::maxvit_config small_network = [] {
  examples::maxvit_config c;
  c.classes = 5;
  c.stages = 2;
  c.channels = {8, 16};
  c.depth = {1, 2};
  c.stem = {8, 8};
  c.window = {2, 4};
  c.grid = {4, 2};
  c.head_dim = 8;
  c.head_hidden = 12;
  return c;
}();
using network = examples::maxvit<small_network>;

constexpr map_extents images(2, 32, 64, 3);
static_assert(output_extents<network>(images) == map_extents(2, 1, 1, 5));
static_assert(network::feature_extents(images) == map_extents(2, 4, 8, 16));
static_assert(workspace_bytes<network, reference>(images) > 0, "a constant for constant shapes");

/// The same without a classifier.
constexpr examples::maxvit_config small_headless = [] {
  examples::maxvit_config c = small_network;
  c.classes = 0;
  return c;
}();
using headless = examples::maxvit<small_headless>;
static_assert(output_extents<headless>(images) == map_extents(2, 1, 1, 12), "what the classifier would read");
static_assert(parameters<network> - parameters<headless> == 12 * 5 + 5);

network random_network() {
  network net;
  test::bind_random_weights(net, 3);
  prepare<reference>(net);
  return net;
}

std::vector<float> logits_of(const network& net, const float* data, std::size_t batch) {
  const map_extents e(batch, 32, 64, 3);
  std::vector<float> y(batch * 5);
  const workspace scratch(workspace_bytes<network, reference>(e));
  run<reference>(net, map_view<const float>(data, e), map_view<float>(y.data(), map_extents(batch, 1, 1, 5)), scratch);
  return y;
}

}  // namespace

TEST_CASE("maxvit: every image of a batch is classified by itself") {
  const network net = random_network();
  const std::vector<float> x = test::normal_vector(images.size(), 4);
  const std::vector<float> both = logits_of(net, x.data(), 2);
  std::vector<float> one_by_one = logits_of(net, x.data(), 1);
  for (const float logit : logits_of(net, x.data() + images.size() / 2, 1)) one_by_one.push_back(logit);
  REQUIRE(test::worst(both, one_by_one).relative() < 1e-6);
}

TEST_CASE("maxvit: without classes the result is what the classifier would read") {
  const network net = random_network();
  headless head;
  test::bind_random_weights(head, 3);  // the classifier's weights come last: all others are those of the network
  prepare<reference>(head);
  const std::vector<float> x = test::normal_vector(images.size(), 4);
  std::vector<float> hidden(2 * 12);
  const workspace scratch(workspace_bytes<headless, reference>(images));
  run<reference>(head, map_view<const float>(x.data(), images), map_view<float>(hidden.data(), map_extents(2, 1, 1, 12)),
                 scratch);
  std::vector<float> logits(10);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    logits[i] = net.head.fc.bias.data()[i % 5];
    for (std::size_t c = 0; c < 12; ++c) logits[i] += hidden[i / 5 * 12 + c] * net.head.fc.weight.data()[i % 5 * 12 + c];
  }
  REQUIRE(test::worst(logits_of(net, x.data(), 2), logits).relative() < 1e-5);
}

TEST_CASE("maxvit: a smaller workspace and an image that the windows do not tile are refused") {
  const network net = random_network();
  const std::vector<float> x = test::normal_vector(images.size(), 4);
  std::vector<float> y(10, -7.0f);
  const map_view<float> out(y.data(), map_extents(2, 1, 1, 5));
  const workspace small(workspace_bytes<network, reference>(images) - 64);
  CHECK_THROWS_AS(run<reference>(net, map_view<const float>(x.data(), images), out, small), workspace_error);
  const workspace large(4 * workspace_bytes<network, reference>(images));
  const map_view<const float> narrow(x.data(), map_extents(2, 32, 48, 3));  // stage maps of 12 and 6 columns
  CHECK_THROWS_AS(run<reference>(net, narrow, out, large), shape_error);
  REQUIRE(y == std::vector<float>(10, -7.0f));
}
