// A whole network compiles for a device: convolutions, attention in blocks and grids, feed-forward parts, norms, pixel shuffle,
// its weights bound and moved, its forward pass captured into a graph.
// HOST
// ARCH sm_80
// BUDGET all spills=0
#include <heddle/backend/cuda.hpp>
#include <heddle/heddle.hpp>
#include <heddle/io/bind.hpp>

#include "../../examples/maxsr/maxsr.hpp"

namespace {

using namespace heddle;

constexpr examples::maxsr_config small{.scale = 2, .channels = 16, .heads = 2, .stages = 1, .depth = {1}};
using network = examples::maxsr<small>;

device::graph load_and_capture(const io::safetensors& file, network& net, device_tensor<float, map_extents>& x,
                               device_tensor<float, map_extents>& y, const device_workspace& scratch, device::stream stream) {
  io::bind<cuda<>>(net, file, network::key_map());
  return device::capture(stream, [&] { run<cuda<>>(net, x.view(), y.view(), scratch, cuda<>{stream}); });
}

}  // namespace

bool compiles(const heddle::io::safetensors& file) {
  const map_extents e(1, 16, 16, 3);
  device_tensor<float, map_extents> x{e};
  device_tensor<float, map_extents> y{network::output_extents(e)};
  const device_workspace scratch{workspace_bytes<network, cuda<>>(e)};
  const device::owned_stream stream;
  network net;  // a graph reads its weights, which it does not keep alive
  const device::graph g = load_and_capture(file, net, x, y, scratch, stream);
  g.launch(stream);
  device::wait(stream);
  return true;
}
