/// @file
/// What the members of the MixFormerV2 family vary, and the published ones.
#pragma once

#include <cstddef>

#include "heddle/core/fixed_string.hpp"
#include "heddle/layer/linear.hpp"

namespace heddle::examples {

/// One network of the family; the defaults are those of MixFormerV2-B.
struct mixformerv2_config {
  std::size_t search_size = 288;    ///< side of the search crop, in pixels
  std::size_t template_size = 128;  ///< side of the template crops
  std::size_t patch = 16;
  std::size_t channels = 768;
  std::size_t depth = 8;
  std::size_t heads = 12;
  std::size_t hidden = 3072;       ///< of the feed-forward parts
  std::size_t bins = 96;           ///< of the distribution of an edge (FEAT_SZ)
  bool score_head = true;          ///< "online": with a confidence that decides about new templates
  bool branch_gains = false;       ///< blocks with a gain, for progressive pruning
  ratio norm_epsilon{1, 1000000};  ///< of the trunk; the norms of the box head have 1e-5
  precision products = precision::f32;

  constexpr std::size_t search_tokens() const noexcept { return (search_size / patch) * (search_size / patch); }
  constexpr std::size_t template_tokens() const noexcept { return (template_size / patch) * (template_size / patch); }
};

inline constexpr mixformerv2_config mixformerv2_b{};
inline constexpr mixformerv2_config mixformerv2_s{.search_size = 224, .template_size = 112, .depth = 4, .hidden = 768};
/// The student of the first distillation stage, the teacher of the second.
inline constexpr mixformerv2_config mixformerv2_12{.depth = 12, .bins = 72, .score_head = false};

/// The same network with its products in bfloat16.
constexpr mixformerv2_config in_bf16(mixformerv2_config c) noexcept {
  c.products = precision::bf16;
  return c;
}
/// The same network without the score head ("offline").
constexpr mixformerv2_config without_score(mixformerv2_config c) noexcept {
  c.score_head = false;
  return c;
}

}  // namespace heddle::examples
