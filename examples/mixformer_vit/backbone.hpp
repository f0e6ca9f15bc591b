/// @file
/// The trunk of MixFormer-ViT: one plain transformer over templates and search region, with asymmetric mixed attention.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string>

#include "../tracking/keyed_block.hpp"
#include "config.hpp"
#include "heddle/backend/tags.hpp"
#include "heddle/layer/convolution.hpp"
#include "heddle/layer/sequential.hpp"
#include "heddle/model/memory_of.hpp"

namespace heddle::examples {

/// What a trunk keeps of the templates: their projections in every layer and their last tokens. Templates never look at the
/// search region, so this holds until one of them changes. It lies in the memory of `Backend` (the host's for all but devices).
/// Allocates when it is made.
template <mixvit_config C, class Backend = reference>
class mixvit_memory {
  using floats = typename memory_of<Backend>::template tensor_type<float, dynamic_extents<2>>;
  std::size_t batch_;
  std::size_t capacity_;
  std::size_t templates_ = 0;
  floats projections_;
  floats tokens_;
  floats score_keys_;

 public:
  static constexpr std::size_t channels = C.dim;

  /// Room for `capacity` templates (the first one and the online ones) of `batch` videos.
  explicit mixvit_memory(std::size_t capacity, std::size_t batch = 1)
      : batch_(batch),
        capacity_(capacity),
        projections_(dynamic_extents<2>(C.depth, batch * capacity * C.template_tokens() * 3 * channels)),
        tokens_(dynamic_extents<2>(batch * capacity * C.template_tokens(), channels)),
        score_keys_(dynamic_extents<2>(batch * C.template_tokens(), C.score_heads == 0 ? 0 : 2 * channels)) {}

  std::size_t batch() const noexcept { return batch_; }
  std::size_t capacity() const noexcept { return capacity_; }
  /// Templates held; 0 before the first ones are set.
  std::size_t templates() const noexcept { return templates_; }
  /// Tokens of one video's templates together.
  std::size_t tokens_per_video() const noexcept { return templates_ * C.template_tokens(); }

  /// Makes room for the tokens of `templates` templates. @throws shape_error
  void begin(std::size_t templates) {
    if (templates == 0 || templates > capacity_)
      heddle::detail::raise<shape_error>("mixvit_memory: expected 1 to " + std::to_string(capacity_) + " templates, got " +
                                         std::to_string(templates));
    templates_ = templates;
  }

  /// Projections of layer `i`, `[batch, tokens, 3, heads, head_dim]`.
  float* layer(std::size_t i) noexcept { return projections_.data() + i * projections_.extent(1); }
  const float* layer(std::size_t i) const noexcept { return projections_.data() + i * projections_.extent(1); }
  /// Tokens `[batch * tokens, C]`, template after template for every video.
  matrix_view<float> tokens() noexcept { return make_matrix(tokens_.data(), batch_ * tokens_per_video(), channels); }
  matrix_view<const float> tokens() const noexcept {
    return make_matrix(tokens_.data(), batch_ * tokens_per_video(), channels);
  }
  /// Keys and values that the score head reads, `[batch, template tokens, 2, C]`.
  float* score_keys() noexcept { return score_keys_.data(); }
  const float* score_keys() const noexcept { return score_keys_.data(); }
};

/// Patches of all images by one convolution, fixed positions, pre-norm blocks. Template tokens see template tokens, search
/// tokens see all; so templates run first and leave their keys and values, and a frame costs only its own tokens. There is no
/// norm after the last block.
template <mixvit_config C>
struct mixvit_backbone {
  static_assert(C.search_size % C.patch == 0 && C.template_size % C.patch == 0,
                "mixformer_vit: image sides must be multiples of the patch");
  static_assert(C.dim % C.heads == 0, "mixformer_vit: dim must be divisible by heads");
  static constexpr std::size_t channels = C.dim;
  static constexpr ratio epsilon{1, 1000000};
  using patch_type =
      convolution<3, C.dim, convolution_options{.size = C.patch, .stride = C.patch, .padding = padding_rule::none}>;
  using block_type = encoder_block<layer_norm<C.dim, epsilon>, self_attention<C.dim, C.heads>, mlp<C.dim, C.mlp_ratio * C.dim>>;
  using steps = keyed_block<block_type>;
  using memory_type = mixvit_memory<C>;  ///< on the host

  patch_type patch_embed;
  parameter<1, C.template_tokens(), C.dim> pos_embed_t;
  parameter<1, C.search_tokens(), C.dim> pos_embed_s;
  std::array<block_type, C.depth> blocks;

  static constexpr std::size_t parameter_count() {
    return parameters<patch_type> + (C.template_tokens() + C.search_tokens()) * C.dim + C.depth * parameters<block_type>;
  }
  template <class Self, class F>
  static void visit_children(Self& self, F&& f) {
    f("patch_embed.proj", self.patch_embed);
    f("pos_embed_t", self.pos_embed_t);
    f("pos_embed_s", self.pos_embed_s);
    for (std::size_t i = 0; i < C.depth; ++i)
      heddle::detail::with_index_name(i, [&](std::string_view name) { f("blocks." + std::string(name), self.blocks[i]); });
  }

  static constexpr map_extents search_extents(std::size_t batch) { return map_extents(batch, C.search_size, C.search_size, 3); }
  static constexpr map_extents template_extents(std::size_t batch) {
    return map_extents(batch, C.template_size, C.template_size, 3);
  }
  static constexpr map_extents feature_extents(std::size_t batch) {
    return map_extents(batch, C.search_side(), C.search_side(), C.dim);
  }
  /// Of a frame, with `templates` templates stored.
  static constexpr std::uint64_t multiply_adds(std::size_t batch, std::size_t templates) {
    const std::uint64_t rows = C.search_tokens();
    const std::uint64_t keys = rows + templates * C.template_tokens();
    return batch * (patch_type::multiply_adds(search_extents(1)) +
                    C.depth * (rows * (4 + 2 * C.mlp_ratio) * C.dim * C.dim + 2 * rows * keys * C.dim));
  }

  /// Scratch of `set_templates` for `templates` templates.
  template <class Backend>
  static std::size_t template_bytes(const Backend& backend, std::size_t batch, std::size_t templates) {
    const std::size_t tokens = templates * C.template_tokens();
    const std::size_t embedding = heddle::scratch_bytes<float>(batch * C.template_tokens() * C.dim) +
                                  patch_type::scratch_bytes(backend, template_extents(batch));
    return std::max(
        {embedding, steps::project_bytes(backend, batch * tokens), steps::finish_bytes(backend, batch, tokens, tokens)});
  }
  /// Runs the templates, each `[batch, template_size, template_size, 3]`: the first one, then the online ones.
  /// @throws shape_error, workspace_error before any work
  template <class Backend, class Home>
  void set_templates(context<Backend> ctx, std::span<const map_view<const float>> images,
                     mixvit_memory<C, Home>& memory) const {
    const std::size_t batch = memory.batch();
    for (const auto& image : images) require_images("mixformer_vit: template", template_extents(batch), image.extents());
    require_scratch(template_bytes(ctx.backend, batch, images.size()), ctx.scratch);
    memory.begin(images.size());
    for (std::size_t i = 0; i < images.size(); ++i) embed_template(ctx, images[i], i, memory);
    const std::size_t tokens = memory.tokens_per_video();
    for (std::size_t l = 0; l < C.depth; ++l) {
      steps::project(ctx, blocks[l], as_const(memory.tokens()), memory.layer(l));
      const auto own = steps::views(memory.layer(l), batch, tokens);
      const auto none = steps::views(memory.layer(l), batch, 0);
      steps::finish(ctx, blocks[l], own.q, join(own.k, none.k), join(own.v, none.v), memory.tokens());
    }
  }

  /// Scratch of `forward`.
  template <class Backend>
  static std::size_t scratch_bytes(const Backend& backend, std::size_t batch, std::size_t templates) {
    const std::size_t tokens = C.search_tokens();
    const std::size_t own = heddle::scratch_bytes<float>(batch * tokens * steps::projected);
    const std::size_t block = std::max(steps::project_bytes(backend, batch * tokens),
                                       steps::finish_bytes(backend, batch, tokens, tokens + templates * C.template_tokens()));
    return std::max(patch_type::scratch_bytes(backend, search_extents(batch)), own + block);
  }
  /// Features of the search region, `[batch, search_side, search_side, dim]`, from `[batch, search_size, search_size, 3]`.
  /// @throws shape_error, workspace_error before any work
  template <class Backend, class Home>
  void forward(context<Backend> ctx, map_view<const float> image, const mixvit_memory<C, Home>& memory,
               map_view<float> features) const {
    const std::size_t batch = memory.batch();
    require_images("mixformer_vit: search", search_extents(batch), image.extents());
    require_images("mixformer_vit: features", feature_extents(batch), features.extents());
    if (memory.templates() == 0)
      heddle::detail::raise<shape_error>("mixformer_vit: no template was set; call set_templates first");
    require_scratch(scratch_bytes(ctx.backend, batch, memory.templates()), ctx.scratch);
    patch_embed.forward(ctx, image, features);
    const matrix_view<float> x = as_rows(features);
    const auto positions = make_matrix(pos_embed_s.data(), C.search_tokens(), C.dim);
    for (std::size_t b = 0; b < batch; ++b) add_rows(ctx, row_range(x, b * C.search_tokens(), C.search_tokens()), positions);
    float* const projection = ctx.scratch.template take<float>(x.extent(0) * steps::projected);
    for (std::size_t l = 0; l < C.depth; ++l) {
      steps::project(ctx, blocks[l], as_const(x), projection);
      const auto own = steps::views(projection, batch, C.search_tokens());
      const auto stored = steps::views(memory.layer(l), batch, memory.tokens_per_video());
      steps::finish(ctx, blocks[l], own.q, join(stored.k, own.k), join(stored.v, own.v), x);
    }
  }

 private:
  using view_type = head_view<const float, steps::head_dim>;
  static typename steps::template keys<2> join(const view_type& a, const view_type& b) { return {{a, b}}; }

  static void require_images(const char* name, const map_extents& expected, const map_extents& got) {
    constexpr const char* axes[] = {"images", "rows", "columns", "channels"};
    for (std::size_t r = 0; r < 4; ++r) require_extent(name, axes[r], expected.extent(r), got.extent(r));
  }
  static void require_scratch(std::size_t needed, const arena& scratch) {
    if (needed > scratch.remaining()) arena::too_small(needed, scratch.remaining());
  }
  template <class Backend>
  static void add_rows(context<Backend> ctx, matrix_view<float> x, matrix_view<const float> y) {
    map(ctx, as_const(x), y, x, heddle::detail::sum{});
  }

  /// Tokens of template `index` of every video, with their positions.
  template <class Backend, class Home>
  void embed_template(context<Backend> ctx, map_view<const float> image, std::size_t index,
                      mixvit_memory<C, Home>& memory) const {
    constexpr std::size_t tokens = C.template_tokens();
    const map_extents e(memory.batch(), C.template_side(), C.template_side(), C.dim);
    const map_view<float> embedded(ctx.scratch.template take<float>(e.size()), e);
    patch_embed.forward(ctx, image, embedded);
    const auto positions = make_matrix(pos_embed_t.data(), tokens, C.dim);
    for (std::size_t b = 0; b < memory.batch(); ++b)
      map(ctx, as_const(row_range(as_rows(embedded), b * tokens, tokens)), positions,
          row_range(memory.tokens(), b * memory.tokens_per_video() + index * tokens, tokens), heddle::detail::sum{});
  }
};

}  // namespace heddle::examples
