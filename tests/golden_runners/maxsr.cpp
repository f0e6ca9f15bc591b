// The golden "maxsr": every low-resolution input to its enlargement, and on request the maps on the way of those inputs that
// have them recorded.
#include "golden_config.hpp"
#include "support/run.hpp"

#if defined(HEDDLE_GOLDEN_REFUSED)
int main() { return heddle::golden::refuse(HEDDLE_GOLDEN_REFUSED); }
#else

#include <cmath>
#include <string>

namespace {

using namespace heddle;
using golden::map_tensor;
using golden::output_of;
using golden::session;
using network = examples::maxsr<golden_config>;

/// The picture as the first convolution sees it: padded, without the mean.
map_tensor padded_input(const map_tensor& x) {
  const auto side = [](std::size_t n) {
    std::size_t root = 0;
    while (root * root < n) ++root;
    return root * root;
  };
  map_tensor y(map_extents(x.extent(0), side(x.extent(1)), side(x.extent(2)), 3));
  pad(context<reference>{}, x.view(), y.view(), {0, 0, y.extent(1) - x.extent(1), y.extent(2) - x.extent(2)},
      pad_mode::reflect{});
  for (std::size_t i = 0; i < y.size(); ++i) y.data()[i] -= static_cast<float>(golden_mean[i % 3]);
  return y;
}

/// `mid.<input>.*`: the same network, one module at a time.
template <class Backend>
void check_mid(session& s, const network& net, const std::string& input, const map_tensor& x) {
  const std::string prefix = "mid." + input + ".";
  const map_tensor f_minus_1 = output_of<Backend>(net.stem_first, padded_input(x));
  const map_tensor f0 = output_of<Backend>(net.stem_second, f_minus_1);
  const auto& block = net.stages.template get<0>().children[0];
  const map_tensor convolved = output_of<Backend>(block.template get<0>(), f0);
  const map_tensor windows = output_of<Backend>(block.template get<1>(), convolved);
  const map_tensor grids = output_of<Backend>(block.template get<2>(), windows);
  const golden::placed_map<Backend> picture(x);
  golden::placed_map<Backend> fused(f0.extents());
  const golden::workspace_of<Backend> scratch(workspace_bytes<network, Backend>(x.extents()));
  net.extract_features(context<Backend>{Backend{}, scratch.scratch()}, picture.view(), fused.view());
  s.check_map(prefix + "f_minus_1", f_minus_1.view());
  s.check_map(prefix + "f0", f0.view());
  s.check_map(prefix + "amtb0_mbconv", convolved.view());
  s.check_map(prefix + "amtb0_block", windows.view());
  s.check_map(prefix + "amtb0", grids.view());
  s.check_map(prefix + "hffb", fused.host().view());
}

template <class Backend>
void run_all(session& s) {
  network net;
  for (std::size_t c = 0; c < 3; ++c) net.mean[c] = static_cast<float>(golden_mean[c]);
  golden::load_weights<Backend>(net, s, network::key_map());
  const std::string prefix = "input.lr_";
  for (const std::string& name : s.names(prefix)) {
    const std::string input = name.substr(prefix.size());
    const map_tensor x = s.map(name);
    s.check_map("output.sr_" + input, output_of<Backend>(net, x).view());
    if (s.wants_mid() && !s.names("mid." + input + ".").empty()) check_mid<Backend>(s, net, input, x);
  }
}

}  // namespace

int main(int argc, char** argv) {
  return golden::run_golden(argc, argv, [](auto backend, session& s) { run_all<decltype(backend)>(s); });
}
#endif
