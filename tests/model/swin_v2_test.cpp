// Both Swin Transformers, SimMIM and NGswin: the counts of the published models, and what does not fit is refused.
#include <heddle/backend/reference.hpp>

#include <vector>

#include "ngswin/ngswin.hpp"
#include "simmim/simmim.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/random_weights.hpp"

namespace {

using namespace heddle;
using namespace heddle::examples;

static_assert(parameters<swin<swin_v2_tiny_w8>> == 28'347'154);
static_assert(parameters<swin<swin_v2_tiny_w16>> == 28'347'154);
static_assert(parameters<swin<swin_v2_small_w8>> == 49'728'418);
static_assert(parameters<swin<swin_v2_small_w16>> == 49'728'418);
static_assert(parameters<swin<swin_v2_base_w8>> == 87'918'816);
static_assert(parameters<swin<swin_v2_base_w16>> == 87'918'816);
static_assert(parameters<swin<swin_v2_base_22k>> == 109'280'841);
static_assert(parameters<swin<swin_v2_fine_tuned(swin_v2_base_22k, 256)>> == 87'918'816);
static_assert(parameters<swin<swin_v2_large_22k>> == 228'772'549);
static_assert(parameters<swin<swin_v2_fine_tuned(swin_v2_large_22k, 384)>> == 196'739'932);
static_assert(parameters<swin<swin_tiny_224>> == 28'288'354);

// The papers count norms too: 5.93 and 6.61 thousand million.
static_assert(multiply_adds<swin<swin_v2_tiny_w8>>(map_extents(1, 256, 256, 3)) == 5'921'028'096);
static_assert(multiply_adds<swin<swin_v2_tiny_w16>>(map_extents(1, 256, 256, 3)) == 6'600'505'344);
static_assert(multiply_adds<swin<swin_tiny_224>>(map_extents(1, 224, 224, 3)) == 4'490'566'656);

constexpr swin_config small_swin{
    .image = {16, 32}, .classes = 5, .channels = 8, .stages = 2, .depth = {2, 2}, .heads = {1, 2}, .window = 2};
using network = swin<small_swin>;
constexpr map_extents images(2, 16, 32, 3);
static_assert(output_extents<network>(images) == map_extents(2, 1, 1, 5));
static_assert(workspace_bytes<network, reference>(images) > 0, "a constant for constant shapes");
static_assert(!swin_config{.image = {224, 224}, .window = 8}.fits(), "56 tokens are whole windows of 8, 28 are not");
static_assert(swin_config{.image = {258, 259}}.fits(), "pixels behind the last whole patch are not looked at");

template <class Net>
Net random_network() {
  Net net;
  test::bind_random_weights(net, 3);
  prepare<reference>(net);
  return net;
}

std::vector<float> logits_of(const network& net, const float* data, std::size_t batch) {
  const map_extents e(batch, 16, 32, 3);
  std::vector<float> y(batch * 5);
  const workspace scratch(workspace_bytes<network, reference>(e));
  run<reference>(net, map_view<const float>(data, e), map_view<float>(y.data(), map_extents(batch, 1, 1, 5)), scratch);
  return y;
}

}  // namespace

TEST_CASE("swin: every picture of a batch is classified by itself") {
  const auto net = random_network<network>();
  const std::vector<float> x = test::normal_vector(images.size(), 4);
  const std::vector<float> both = logits_of(net, x.data(), 2);
  std::vector<float> one_by_one = logits_of(net, x.data(), 1);
  for (const float logit : logits_of(net, x.data() + images.size() / 2, 1)) one_by_one.push_back(logit);
  CHECK(test::worst(both, one_by_one).relative() < 1e-6);
}

TEST_CASE("swin: every second block of a stage shifts its windows, none where one window is the map") {
  const network net;
  const auto shift = [](const auto& block, auto partition) {
    return get_policy<decltype(partition)>(block.attn.composition).shift_y;
  };
  const auto& stages = net.encoder.stages;
  CHECK(shift(std::get<0>(stages).blocks[0], window<2>{}) == 0);
  CHECK(shift(std::get<0>(stages).blocks[1], window<2>{}) == 1);
  CHECK(shift(std::get<1>(stages).blocks[1], window<2>{}) == 0);
}

TEST_CASE("swin: another picture size and a smaller workspace are refused before anything is written") {
  const auto net = random_network<network>();
  const std::vector<float> x = test::normal_vector(images.size(), 4);
  std::vector<float> y(10, -7.0F);
  const map_view<float> out(y.data(), map_extents(2, 1, 1, 5));
  const workspace large(4 * workspace_bytes<network, reference>(images));
  const workspace small(workspace_bytes<network, reference>(images) - 64);
  CHECK_THROWS_AS(run<reference>(net, map_view<const float>(x.data(), map_extents(2, 32, 16, 3)), out, large), shape_error);
  CHECK_THROWS_AS(run<reference>(net, map_view<const float>(x.data(), images), out, small), workspace_error);
  CHECK(y == std::vector<float>(10, -7.0F));
}

TEST_CASE("simmim: the derivative by the mask token is the slope of the loss") {
  constexpr swin_config config{
      .image = {16, 16}, .classes = 0, .channels = 4, .stages = 2, .depth = {1, 2}, .heads = {1, 2}, .window = 2};
  auto net = random_network<simmim<config>>();
  std::vector<float> token(net.mask_token.span().begin(), net.mask_token.span().end());
  net.mask_token.bind(token.data());
  const map_extents e(1, 16, 16, 3);
  const std::vector<float> x = test::normal_vector(e.size(), 8);
  const std::vector<std::uint8_t> mask{1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  const workspace memory(simmim<config>::scratch_bytes(reference{}, e));
  const context<reference> ctx{{}, memory.scratch()};
  const map_view<const float> image(x.data(), e);
  std::vector<float> latent(simmim<config>::latent_extents(e).size());
  std::vector<float> picture(e.size());
  const auto loss = [&] {
    const map_view<float> z(latent.data(), simmim<config>::latent_extents(e));
    const map_view<float> y(picture.data(), e);
    net.encode(ctx, image, mask, z);
    net.decode(ctx, z, y);
    return simmim<config>::loss(y, image, mask);
  };
  loss();
  const simmim_gradients d = simmim_vjp(ctx, net, image, mask, map_view<const float>(picture.data(), e), image);
  REQUIRE(d.mask_token.size() == 4);
  for (std::size_t c = 0; c < 4; ++c) {
    const float old = token[c];
    token[c] = old + 2e-3F;
    const double above = loss();
    token[c] = old - 2e-3F;
    const double below = loss();
    token[c] = old;
    CHECK(static_cast<double>(d.mask_token[c]) == Approx((above - below) / 4e-3).margin(2e-3));
  }
}

TEST_CASE("ngswin: pictures of any size above one tile of windows, and one clear sentence below") {
  CHECK(ngswin_x2::output_extents(map_extents(1, 45, 53, 3)) == map_extents(1, 90, 106, 3));
  CHECK(ngswin_x3::output_extents(map_extents(1, 64, 64, 3)) == map_extents(1, 192, 192, 3));
  CHECK_THROWS_AS(ngswin_x2::output_extents(map_extents(1, 32, 64, 3)), shape_error);
}
