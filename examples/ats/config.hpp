/// @file
/// What networks with adaptive token sampling vary, and the published one.
#pragma once

#include <array>
#include <cstddef>

namespace heddle::examples {

/// Blocks that sample their tokens: bit i is block i.
constexpr unsigned long long sampled_blocks(std::size_t first, std::size_t last) noexcept {
  unsigned long long bits = 0;
  for (std::size_t i = first; i <= last; ++i) bits |= 1ULL << i;
  return bits;
}

/// A plain vision transformer whose marked blocks sample.
struct ats_config {
  std::size_t classes = 1000;
  std::size_t height = 224;
  std::size_t width = 224;
  std::size_t patch = 16;
  std::size_t channels = 384;
  std::size_t depth = 12;
  std::size_t heads = 6;
  std::size_t hidden = 1536;
  unsigned long long sampled = sampled_blocks(3, 11);
  /// As the released code, which pads the images of a batch with tokens of score 0: an image with fewer tokens than another
  /// one lets its lowest score take part. False: every image is treated as if it were alone.
  bool padded_scores = true;
  /// The released code can also keep dropped tokens as padding instead of taking them away (`drop_tokens: false`): then every
  /// image that has lost a token lets its lowest score take part. Here they are never computed.
  bool padded_to_all = false;
  std::size_t points = 0;  ///< sample points of every block; 0: the number of patches

  constexpr std::size_t patches() const noexcept { return (height / patch) * (width / patch); }
  constexpr std::size_t tokens() const noexcept { return patches() + 1; }
  constexpr std::size_t sample_points() const noexcept { return points == 0 ? patches() : points; }
  constexpr bool samples(std::size_t block) const noexcept { return (sampled >> block & 1ULL) != 0; }
};

/// DeiT-S as released.
inline constexpr ats_config ats_deit_small{};

}  // namespace heddle::examples
