// What the tests of the one-stream trackers share: moving pictures, and a block whose mask says what two passes do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "heddle/layer/encoder_block.hpp"
#include "noise_frame.hpp"

namespace heddle::test {

/// A frame of noise with a bright square.
struct noisy_frame : noise_frame {
  noisy_frame(std::size_t h, std::size_t w, std::size_t x, std::uint64_t seed) : noise_frame(h, w, seed, 90) {
    for (std::size_t i = h / 3; i < h / 2; ++i)
      for (std::size_t j = x; j < x + w / 6 && j < w; ++j) bytes[(i * w + j) * 3] = 255;
  }
};

/// `blocks` with another attention policy and the same weights, on tokens `[batch, 1, tokens, channels]` in place.
template <class Masked, class Blocks>
void run_masked(const Blocks& blocks, const Masked& proto, std::vector<float>& x, const map_extents& e) {
  for (const auto& block : blocks) {
    Masked masked = proto;
    masked.norm1 = block.norm1;
    masked.norm2 = block.norm2;
    masked.mlp = block.mlp;
    masked.attn.qkv = block.attn.qkv;
    masked.attn.proj = block.attn.proj;
    const map_view<float> view(x.data(), e);
    const workspace scratch(workspace_bytes<Masked, reference>(e));
    run<reference>(masked, view, view, scratch);
  }
}

}  // namespace heddle::test
