/// @file
/// What the ROMTrack family varies, and its published members.
#pragma once

#include <cstddef>

#include "heddle/core/fixed_string.hpp"

namespace heddle::examples {

/// One tracker of the family.
struct romtrack_config {
  std::size_t search_size = 256;  ///< side of the search crop in pixels
  std::size_t template_size = 128;
  std::size_t patch = 16;
  std::size_t dim = 768;
  std::size_t depth = 12;
  std::size_t heads = 12;
  std::size_t mlp_ratio = 4;
  std::size_t head_channels = 256;  ///< of the first convolution of each branch; the others halve them
  ratio norm_epsilon{1, 1000000};
  ratio batch_norm_epsilon{1, 100000};

  constexpr std::size_t search_side() const noexcept { return search_size / patch; }  ///< in tokens
  constexpr std::size_t template_side() const noexcept { return template_size / patch; }
  constexpr std::size_t search_tokens() const noexcept { return search_side() * search_side(); }
  constexpr std::size_t template_tokens() const noexcept { return template_side() * template_side(); }
};

inline constexpr romtrack_config romtrack_tiny{.dim = 192, .heads = 3};
inline constexpr romtrack_config romtrack_small{.dim = 384, .heads = 6};
inline constexpr romtrack_config romtrack_base{};
inline constexpr romtrack_config romtrack_base_384{.search_size = 384, .template_size = 192};
inline constexpr romtrack_config romtrack_large_384{
    .search_size = 384, .template_size = 192, .dim = 1024, .depth = 24, .heads = 16};

}  // namespace heddle::examples
