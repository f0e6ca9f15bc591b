// A model brought to the device: the same numbers as the reference backend, nothing allocated and nobody waited for after it
// is loaded, so that its forward pass can be captured into a graph.
#include <heddle/backend/cuda.hpp>
#include <heddle/backend/reference.hpp>
#include <heddle/layer/encoder_block.hpp>
#include <heddle/layer/mbconv.hpp>
#include <heddle/layer/sequential.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"
#include "tests/support/random_weights.hpp"

using namespace heddle;

namespace {

using block_type = encoder_block<layer_norm<16>, self_attention<16, 2, window<4>, learned_position_bias<4>>, mlp<16, 32>>;
using network = sequential<mbconv<16, 16, mbconv_options{.expanded = 32, .reduced = 8}>, repeat<2, block_type>>;
const map_extents shape(2, 8, 8, 16);

}  // namespace

TEST_CASE("a network on the device gives what the reference gives, directly and from a graph", "[cuda]") {
  network net;
  test::bind_random_weights(net, 5);
  network on_device = net;
  prepare<reference>(net);
  to_device(on_device);

  const std::vector<float> values = test::normal_vector(shape.size(), 9);
  const map_view<const float> x(values.data(), shape);
  tensor<float, map_extents> expected{shape};
  run<reference>(net, x, expected.view(), workspace(workspace_bytes<network, reference>(shape)));

  device_tensor<float, map_extents> in{x};
  device_tensor<float, map_extents> out{shape};
  const device_workspace scratch(workspace_bytes<network, cuda<>>(shape));
  run<cuda<>>(on_device, in.view(), out.view(), scratch);
  const tensor<float, map_extents> direct = out.to_host();
  CHECK(test::worst(as_span(std::as_const(expected).view()), as_span(direct.view())).relative() < 2e-5);

  const device::owned_stream stream;
  const device::graph graph =
      device::capture(stream, [&] { run<cuda<>>(on_device, in.view(), out.view(), scratch, cuda<>{stream}); });
  device::clear(stream, out.data(), out.size());
  graph.launch(stream);
  const tensor<float, map_extents> replayed = out.to_host(stream);
  CHECK(test::worst(as_span(direct.view()), as_span(replayed.view())).difference == 0.0);
}

#if HEDDLE_HAS_EXCEPTIONS
TEST_CASE("a network that was not brought to the device is refused before anything runs", "[cuda]") {
  network net;
  test::bind_random_weights(net, 5);
  prepare<reference>(net);
  device_tensor<float, map_extents> in{shape};
  device_tensor<float, map_extents> out{shape};
  const device_workspace scratch(workspace_bytes<network, cuda<>>(shape));
  REQUIRE_THROWS_AS(run<cuda<>>(net, in.view(), out.view(), scratch), weight_error);
  network on_device = net;
  to_device(on_device);
  REQUIRE_THROWS_AS(run<cuda<>>(on_device, in.view(), out.view(), device_workspace(64)), workspace_error);
  const std::vector<float> host(shape.size());
  REQUIRE_THROWS_AS(run<cuda<>>(on_device, map_view<const float>(host.data(), shape), out.view(), scratch), device_error);
}
#endif
