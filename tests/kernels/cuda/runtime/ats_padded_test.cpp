// A network whose numbers of tokens depend on scores, on the device: the logits of the reference, which takes dropped tokens away, from one graph in
// which nobody asks how many there are.
#include <heddle/backend/cuda.hpp>
#include <heddle/backend/reference.hpp>

#include "ats/ats.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"
#include "tests/support/random_weights.hpp"

using namespace heddle;

namespace {

constexpr examples::ats_config config{.classes = 5,
                                      .height = 32,
                                      .width = 32,
                                      .patch = 8,
                                      .channels = 16,
                                      .depth = 2,
                                      .heads = 2,
                                      .hidden = 32,
                                      .sampled = 3,
                                      .points = 9};
using network = examples::ats<config>;

}  // namespace

TEST_CASE("sampled tokens on the device: one graph, and the logits of the reference", "[cuda]") {
  network net;
  network on_device;
  test::bind_random_weights(net, 3);
  test::bind_random_weights(on_device, 3);
  prepare<reference>(net);
  to_device(on_device);
  const map_extents shape(2, config.height, config.width, 3);
  tensor<float, map_extents> x{shape};
  const std::vector<float> values = test::normal_vector(x.size(), 1);
  std::copy(values.begin(), values.end(), x.data());
  tensor<float, map_extents> expected{network::output_extents(shape)};
  const workspace memory{workspace_bytes<network, reference>(shape)};
  run<reference>(net, x.view(), expected.view(), memory);

  const device::owned_stream stream;
  const cuda<> backend{stream};
  device_tensor<float, map_extents> in{shape};
  device_tensor<float, map_extents> out{expected.extents()};
  const device_workspace scratch{workspace_bytes<network>(shape, backend)};
  in.copy_from(x.view(), stream);
  const device::graph graph = device::capture(stream, [&] { run(on_device, in.view(), out.view(), scratch, backend); });
  device::clear(stream, out.data(), out.size());
  graph.launch(stream);
  const tensor<float, map_extents> replayed = out.to_host(stream);
  CHECK(test::worst(as_span(expected.view()), as_span(replayed.view())).relative() < 1e-5);
}
