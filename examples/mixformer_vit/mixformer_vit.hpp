/// @file
/// MixFormer-ViT (MixViT): a single-object tracker of one plain transformer, a corner head and a score head (Cui et al., CVPR
/// 2022, arXiv 2203.11082, and its extension arXiv 2302.02814).
#pragma once

#include <algorithm>
#include <type_traits>

#include "backbone.hpp"
#include "heddle/head/pyramid_corner.hpp"
#include "heddle/head/score_head.hpp"
#include "heddle/io/key_map.hpp"

namespace heddle::examples {

namespace detail {
struct no_score_head {};
}  // namespace detail

/// The network. Templates are set once, then every search region gives boxes, and scores where the configuration has them.
template <mixvit_config C>
struct mixformer_vit {
  static constexpr mixvit_config config = C;
  static constexpr bool has_score = C.score_heads != 0;
  using backbone_type = mixvit_backbone<C>;
  using memory_type = mixvit_memory<C>;  ///< on the host; devices keep theirs in `mixvit_memory<C, Backend>`
  using branch_type = std::conditional_t<C.head == mixvit_head::corner, corner_branch<C.dim, C.head_channels>,
                                         pyramid_corner_branch<C.dim, C.head_channels>>;
  using box_head_type = corner_head<branch_type>;
  using score_type = std::conditional_t<has_score, score_head<C.dim, has_score ? C.score_heads : 1>, detail::no_score_head>;

  backbone_type backbone;
  box_head_type box_head;
  [[no_unique_address]] score_type score_branch;

  static constexpr auto members() {
    return heddle::members<&mixformer_vit::backbone, &mixformer_vit::box_head, &mixformer_vit::score_branch>(
        "backbone", "box_head", "score_branch");
  }

  /// From the names of this composition to those of the official weights.
  static io::key_map key_map() {
    io::key_map map;
    const auto single = [&](const std::string& corner, const std::string& name) {
      map.rename("box_head." + corner + '.' + name + ".norm", "box_head." + name + '_' + corner + ".1");
      map.rename("box_head." + corner + '.' + name, "box_head." + name + '_' + corner + ".0");
    };
    for (const char* corner : {"tl", "br"}) {
      const std::string here = corner;
      map.rename("box_head." + here + ".conv5", "box_head.conv5_" + here);
      for (const char* name : {"conv1", "conv2", "conv3", "conv4", "adjust1", "adjust2"}) single(here, name);
      for (const char* name : {"adjust3", "adjust4"}) {
        const std::string from = "box_head." + here + '.' + name + ".*";
        const std::string to = std::string("box_head.") + name + '_' + here + ".*";
        map.rename(from + ".norm", to + ".1").rename(from, to + ".0");
      }
    }
    // of the classification network that the trunk began as
    for (const char* name : {"cls_token", "pos_embed", "norm.**", "head.**", "fc_norm.**"})
      map.ignore(std::string("backbone.") + name);
    map.ignore("**.num_batches_tracked");
    if constexpr (!has_score) map.ignore("score_branch.**");
    return map;
  }

  /// Scratch of `set_templates`.
  template <class Backend>
  static std::size_t template_bytes(const Backend& backend, std::size_t batch, std::size_t templates) {
    return backbone_type::template_bytes(backend, batch, templates);
  }
  /// @see mixvit_backbone::set_templates
  template <class Backend, class Home>
  void set_templates(context<Backend> ctx, std::span<const map_view<const float>> images,
                     mixvit_memory<C, Home>& memory) const {
    backbone.set_templates(ctx, images, memory);
    if constexpr (has_score) {
      constexpr std::size_t tokens = C.template_tokens();
      for (std::size_t b = 0; b < memory.batch(); ++b)
        score_branch.store_template(ctx, as_const(row_range(memory.tokens(), b * memory.tokens_per_video(), tokens)),
                                    memory.score_keys() + score_type::template_size(b, tokens));
    }
  }

  /// Scratch of `forward`, `locate` and `score`.
  template <class Backend>
  static std::size_t scratch_bytes(const Backend& backend, std::size_t batch, std::size_t templates) {
    const map_extents e = backbone_type::feature_extents(batch);
    std::size_t largest =
        std::max(backbone_type::scratch_bytes(backend, batch, templates), box_head_type::scratch_bytes(backend, e));
    if constexpr (has_score) largest = std::max(largest, score_type::scratch_bytes(backend, e, C.template_tokens()));
    return heddle::scratch_bytes<float>(e.size()) + largest;
  }
  /// Of a frame, with `templates` templates stored.
  static constexpr std::uint64_t multiply_adds(std::size_t batch, std::size_t templates) {
    const map_extents e = backbone_type::feature_extents(batch);
    std::uint64_t sum = backbone_type::multiply_adds(batch, templates) + box_head_type::multiply_adds(e);
    if constexpr (has_score) sum += score_type::multiply_adds(e, C.template_tokens());
    return sum;
  }

  /// @param image  search regions, `[batch, search_size, search_size, 3]`
  /// @param boxes  `[batch, 1, 1, 4]` = (x1, y1, x2, y2) as shares of the search region's side; may be inverted
  /// @param logits `[batch]`; a sigmoid makes scores of them. Left alone by a configuration without a score head
  /// @throws shape_error, workspace_error before any work
  template <class Backend, class Home>
  void forward(context<Backend> ctx, map_view<const float> image, const mixvit_memory<C, Home>& memory, map_view<float> boxes,
               std::span<float> logits) const {
    const map_extents e = backbone_type::feature_extents(memory.batch());
    const map_view<float> features(ctx.scratch.template take<float>(e.size()), e);
    backbone.forward(ctx, image, memory, features);
    box_head.forward(ctx, features, boxes);
    if constexpr (has_score) score(ctx, features, as_const(as_rows(boxes)), memory, logits);
  }

  /// Logits of given boxes `[batch, 4]` on features of the search region.
  template <class Backend, class Home>
  void score(context<Backend> ctx, map_view<const float> features, matrix_view<const float> boxes,
             const mixvit_memory<C, Home>& memory, std::span<float> logits) const {
    static_assert(has_score, "heddle::mixformer_vit: this configuration has no score head");
    score_branch.forward(ctx, features, boxes, memory.score_keys(), C.template_tokens(), logits);
  }
};

}  // namespace heddle::examples
