/// @file
/// What the MixFormer-ViT family (MixViT) varies, and its published members.
#pragma once

#include <cstddef>

namespace heddle::examples {

/// The two corner heads.
enum class mixvit_head {
  corner,    ///< heat maps at the resolution of the features
  corner_up  ///< four times as fine
};

/// One tracker of the family.
struct mixvit_config {
  std::size_t search_size = 288;  ///< side of the search crop in pixels
  std::size_t template_size = 128;
  std::size_t patch = 16;
  std::size_t dim = 768;
  std::size_t depth = 12;
  std::size_t heads = 12;
  std::size_t mlp_ratio = 4;
  mixvit_head head = mixvit_head::corner_up;
  std::size_t head_channels = 384;
  std::size_t score_heads = 12;  ///< 0: no score head, as in the trackers that never change their template

  constexpr std::size_t search_side() const noexcept { return search_size / patch; }  ///< in tokens
  constexpr std::size_t template_side() const noexcept { return template_size / patch; }
  constexpr std::size_t search_tokens() const noexcept { return search_side() * search_side(); }
  constexpr std::size_t template_tokens() const noexcept { return template_side() * template_side(); }
};

inline constexpr mixvit_config mixvit_base{};
inline constexpr mixvit_config mixvit_large{
    .search_size = 384, .template_size = 192, .dim = 1024, .depth = 24, .heads = 16, .score_heads = 16};

}  // namespace heddle::examples
