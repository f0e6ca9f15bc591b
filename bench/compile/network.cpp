// Sample 3: a whole network, MaxSR-light x2, with its weights from a file: convolutions, squeeze-and-excitation, block and
// grid attention, pixel shuffle, and what reads safetensors.
#include <heddle/backend/simd.hpp>
#include <heddle/heddle.hpp>
#include <heddle/io/bind.hpp>

#include <cstdio>
#include <string>
#include <vector>

#include "maxsr/maxsr.hpp"

int main(int argc, char** argv) {
  using namespace heddle;
  using network = examples::maxsr_light<2>;
  if (argc < 2) return 2;
  static network net;
  const io::safetensors file{std::string(argv[1])};
  io::bind<simd>(net, file, network::key_map());
  constexpr map_extents image(1, 64, 64, 3);
  const std::vector<float> x(image.size(), 0.5F);
  std::vector<float> y(output_extents<network>(image).size());
  const workspace scratch(workspace_bytes<network>(image, simd{}));
  run<simd>(net, map_view<const float>(x.data(), image), map_view<float>(y.data(), output_extents<network>(image)), scratch);
  std::printf("%g\n", static_cast<double>(y[0]));
}
