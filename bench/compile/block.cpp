// Sample 2: a transformer block, from norm to feed-forward: attention in 7x7 windows, 96 channels, 3 heads.
#include <heddle/backend/simd.hpp>
#include <heddle/heddle.hpp>

#include <cstdio>
#include <memory>
#include <string_view>
#include <vector>

using namespace heddle;

using swin_block =
    encoder_block<layer_norm<96>, self_attention<96, 3, window<7>, learned_position_bias<7>>, mlp<96, 384, gelu>>;

int main(int argc, char**) {
  swin_block net;
  const auto values = std::make_shared<std::vector<float>>(parameters<swin_block>, 0.01F * static_cast<float>(argc));
  for_each_parameter(net, [&](std::string_view, auto& tensor) { tensor.bind(values->data(), values); });
  prepare<simd>(net);
  constexpr map_extents image(1, 56, 56, 96);
  tensor<float, map_extents> x(image), y(image);
  const workspace scratch{workspace_bytes<swin_block, simd>(image)};
  run<simd>(net, x.view(), y.view(), scratch);
  std::printf("%g\n", static_cast<double>(y.data()[0]));
}
