// Adaptive token sampling as a network: images of a batch are independent where that is asked for, nothing allocates, and what does
// not fit is refused.
#include "ats/ats.hpp"

#include <heddle/backend/reference.hpp>

#include <vector>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/random_weights.hpp"

using namespace heddle;

namespace {

constexpr examples::ats_config small{.classes = 5,
                                     .height = 16,
                                     .width = 24,
                                     .patch = 4,
                                     .channels = 8,
                                     .depth = 3,
                                     .heads = 2,
                                     .hidden = 12,
                                     .sampled = examples::sampled_blocks(1, 2),
                                     .padded_scores = false};
using network = examples::ats<small>;
constexpr map_extents images(3, 16, 24, 3);
static_assert(workspace_bytes<network, reference>(images) > 0, "a constant for constant shapes");
static_assert(output_extents<network>(images) == map_extents(3, 1, 1, 5));
// The multiply-adds of DeiT-S (4.6 G in the paper) where every token stays.
static_assert(multiply_adds<examples::ats<examples::ats_deit_small>>(map_extents(1, 224, 224, 3)) == 4'598'882'304);

network random_network() {
  network net;
  test::bind_random_weights(net, 3);
  prepare<reference>(net);
  return net;
}

std::vector<float> logits_of(const network& net, const float* data, std::size_t batch) {
  const map_extents e(batch, 16, 24, 3);
  std::vector<float> y(batch * 5);
  const workspace scratch(workspace_bytes<network, reference>(e));
  run<reference>(net, map_view<const float>(data, e), map_view<float>(y.data(), map_extents(batch, 1, 1, 5)), scratch);
  return y;
}

/// The lengths after the last block.
struct remaining {
  std::vector<std::size_t>& found;
  static inverse_cdf_trace trace(std::size_t, std::size_t, std::size_t) { return {}; }
  void block(std::size_t i, const examples::ats_tokens& t) const {
    for (std::size_t b = 0; i + 1 == small.depth && b < found.size(); ++b) found[b] = t.sequences.length(b);
  }
  static void feature(matrix_view<const float>) {}
};

}  // namespace

TEST_CASE("ats: images of a batch do not meet, whatever their lengths") {
  const network net = random_network();
  const std::vector<float> x = test::normal_vector(images.size(), 4);
  const std::vector<float> together = logits_of(net, x.data(), 3);
  std::vector<float> one_by_one;
  for (std::size_t b = 0; b < 3; ++b)
    for (const float y : logits_of(net, x.data() + b * images.size() / 3, 1)) one_by_one.push_back(y);
  CHECK(test::worst(one_by_one, together).relative() < 1e-6);
}

TEST_CASE("ats: sampling leaves fewer tokens and allocates nothing") {
  const network net = random_network();
  const std::vector<float> x = test::normal_vector(images.size(), 4);
  std::vector<float> y(15);
  std::vector<std::size_t> found(3);
  const workspace scratch(workspace_bytes<network, reference>(images));
  const test::allocations counted;
  net.forward(context<reference>{{}, scratch.scratch()}, map_view<const float>(x.data(), images),
              map_view<float>(y.data(), map_extents(3, 1, 1, 5)), remaining{found});
  const std::size_t count = counted.count();  // before the macro, which allocates
  CHECK(count == 0);
  for (const std::size_t n : found) {
    CHECK(n > 1);
    CHECK(n < small.tokens());
  }
}

TEST_CASE("ats: other images and a smaller workspace are refused") {
  const network net = random_network();
  const std::vector<float> x(images.size());
  std::vector<float> y(15, -7.0F);
  const map_view<float> out(y.data(), map_extents(3, 1, 1, 5));
  const workspace small_one(workspace_bytes<network, reference>(images) - 64);
  REQUIRE_THROWS_AS(run<reference>(net, map_view<const float>(x.data(), images), out, small_one), workspace_error);
  REQUIRE_THROWS_AS(output_extents<network>(map_extents(1, 16, 16, 3)), shape_error);
  CHECK(y == std::vector<float>(15, -7.0F));
}
