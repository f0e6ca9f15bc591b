// A picture of noise, for tests of what follows an object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/support/random.hpp"
#include "tracking/tracker.hpp"

namespace heddle::test {

/// Bytes from 0 to `brightest`, others for every seed.
struct noise_frame {
  std::size_t height;
  std::size_t width;
  std::vector<std::uint8_t> bytes;

  noise_frame(std::size_t h, std::size_t w, std::uint64_t seed, std::size_t brightest = 255)
      : height(h), width(w), bytes(h * w * 3) {
    generator random(seed);
    for (auto& b : bytes) b = static_cast<std::uint8_t>(random.integer(0, brightest));
  }
  examples::frame_view view(examples::channel_order order = examples::channel_order::rgb) const {
    return {bytes.data(), height, width, width * 3, order};
  }
};

}  // namespace heddle::test
