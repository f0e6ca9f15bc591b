/// @file
/// What the Swin family varies, and its published members.
#pragma once

#include <array>
#include <cstddef>

#include "heddle/core/fixed_string.hpp"

namespace heddle::examples {

/// The first Swin Transformer and the second. (As wide as its neighbours in `swin_config`: Clang 14 misplaces what follows
/// padding in a struct that is a template argument, where it is read by an array's index or a member function.)
enum class swin_version : std::size_t {
  v1,  ///< norms in front, scaled products, a table of relative positions (arXiv 2103.14030)
  v2   ///< norms behind the branches, cosines, a bias of continuous positions (arXiv 2111.09883)
};

/// One network of the family. The defaults are Swin V2-T with windows of 8 x 8.
struct swin_config {
  swin_version version = swin_version::v2;
  std::array<std::size_t, 2> image{256, 256};  ///< rows and columns of the picture
  std::size_t in_channels = 3;
  std::size_t patch = 4;
  std::size_t classes = 1000;  ///< 0: no head, the features are the result
  std::size_t channels = 96;   ///< of the first stage; every stage has twice those of the last
  std::size_t stages = 4;
  std::array<std::size_t, 8> depth{2, 2, 6, 2};  ///< blocks of each stage; entries from `stages` on are not used
  std::array<std::size_t, 8> heads{3, 6, 12, 24};
  std::size_t window = 8;                          ///< of every stage, at most the smaller side of its map
  std::array<std::size_t, 8> pretrained_window{};  ///< v2; 0: the window itself
  ratio feed_forward{4, 1};
  bool qkv_bias = true;
  bool absolute_positions = false;
  bool patch_norm = true;

  constexpr std::size_t rows(std::size_t stage) const noexcept { return image[0] / patch >> stage; }
  constexpr std::size_t columns(std::size_t stage) const noexcept { return image[1] / patch >> stage; }
  constexpr std::size_t channels_of(std::size_t stage) const noexcept { return channels << stage; }
  constexpr std::size_t smaller_side(std::size_t stage) const noexcept {
    return rows(stage) < columns(stage) ? rows(stage) : columns(stage);
  }
  constexpr std::size_t window_of(std::size_t stage) const noexcept {
    return smaller_side(stage) < window ? smaller_side(stage) : window;
  }
  /// Of every second block; none where a window is as long as the smaller side.
  constexpr std::size_t shift_of(std::size_t stage) const noexcept { return smaller_side(stage) <= window ? 0 : window / 2; }
  constexpr std::size_t hidden_of(std::size_t stage) const noexcept {
    return channels_of(stage) * feed_forward.numerator / feed_forward.denominator;
  }
  /// Whether the sizes fit: every map is cut into whole windows, every map but the last into cells of 2 x 2, channels into
  /// whole heads. Pixels behind the last whole patch of a side are not looked at, as in the official code.
  constexpr bool fits() const noexcept {
    for (std::size_t s = 0; s < stages; ++s) {
      if ((image[0] / patch) % (std::size_t{1} << s) != 0 || (image[1] / patch) % (std::size_t{1} << s) != 0) return false;
      if (window_of(s) == 0 || rows(s) % window_of(s) != 0 || columns(s) % window_of(s) != 0) return false;
      if (channels_of(s) % heads[s] != 0) return false;
    }
    return true;
  }
};

inline constexpr swin_config swin_v2_tiny_w8{};
inline constexpr swin_config swin_v2_tiny_w16{.window = 16};
inline constexpr swin_config swin_v2_small_w8{.depth = {2, 2, 18, 2}};
inline constexpr swin_config swin_v2_small_w16{.depth = {2, 2, 18, 2}, .window = 16};
inline constexpr swin_config swin_v2_base_w8{.channels = 128, .depth = {2, 2, 18, 2}, .heads = {4, 8, 16, 32}};
inline constexpr swin_config swin_v2_base_w16{.channels = 128, .depth = {2, 2, 18, 2}, .heads = {4, 8, 16, 32}, .window = 16};
inline constexpr swin_config swin_v2_base_22k{
    .image = {192, 192}, .classes = 21841, .channels = 128, .depth = {2, 2, 18, 2}, .heads = {4, 8, 16, 32}, .window = 12};
inline constexpr swin_config swin_v2_large_22k{
    .image = {192, 192}, .classes = 21841, .channels = 192, .depth = {2, 2, 18, 2}, .heads = {6, 12, 24, 48}, .window = 12};

/// Fine-tuned from windows of 12 x 12 on larger pictures: `side` 256 or 384.
constexpr swin_config swin_v2_fine_tuned(swin_config c, std::size_t side) {
  c.image = {side, side};
  c.classes = 1000;
  c.window = side / 16;
  c.pretrained_window = {12, 12, 12, 6};
  return c;
}

inline constexpr swin_config swin_tiny_224{.version = swin_version::v1, .image = {224, 224}, .window = 7};

}  // namespace heddle::examples
