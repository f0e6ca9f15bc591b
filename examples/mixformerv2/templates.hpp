/// @file
/// MixFormerV2 with kept templates: template tokens never see the search region, so their keys and values are computed when
/// the templates change, and a frame runs its own tokens alone.
#pragma once

#include <cstddef>

#include "heddle/backend/tags.hpp"
#include "heddle/model/memory_of.hpp"
#include "mixformerv2.hpp"

namespace heddle::examples {

/// Keys and values of the templates for every block: the first template and any number of online ones, in the memory of
/// `Backend` (the host's for all but devices).
template <mixformerv2_config C, class Backend = reference>
class mixformerv2_templates {
 public:
  using network = mixformerv2<C>;
  using element = typename network::attention_type::element;

 private:
  static constexpr std::size_t columns = 2 * C.channels;
  typename memory_of<Backend>::template tensor_type<element, dynamic_extents<3>> kept_;  ///< `[depth, tokens, 2 channels]`
  std::size_t images_ = 0;

  matrix_view<element> kept(std::size_t i) noexcept {
    return make_matrix(kept_.data() + i * kept_.extent(1) * columns, tokens(), columns);
  }

 public:
  /// With room for `capacity` templates: the first one and `capacity - 1` online ones.
  explicit mixformerv2_templates(std::size_t capacity = 2)
      : kept_(dynamic_extents<3>(C.depth, capacity * network::template_tokens, columns)) {}

  std::size_t capacity() const noexcept { return kept_.extent(1) / network::template_tokens; }
  std::size_t images() const noexcept { return images_; }  ///< templates held
  std::size_t tokens() const noexcept { return images_ * network::template_tokens; }

  /// Keys and values of block `i`, `[tokens, 2 channels]`.
  matrix_view<const element> block(std::size_t i) const noexcept {
    return make_matrix(kept_.data() + i * kept_.extent(1) * columns, tokens(), columns);
  }

  /// Scratch bytes of `set`.
  template <class Any>
  static constexpr std::size_t set_bytes(const Any& backend, std::size_t images) {
    const std::size_t rows = images * network::template_tokens;
    const std::size_t blocks = prefix_bytes<typename network::block_type>(backend, rows, 0);
    const std::size_t patches = network::patch_type::scratch_bytes(backend, network::template_extents());
    return heddle::scratch_bytes<float>(rows * C.channels) + (blocks > patches ? blocks : patches);
  }

  /// Runs the templates `[images, side, side, 3]`, normalised, the first one first, through the trunk; of the last
  /// block only their keys and values are computed.
  /// @throws shape_error, workspace_error before any work
  template <class Any>
  void set(context<Any> ctx, const network& net, map_view<const float> pictures) {
    const std::size_t count = pictures.extent(0);
    network::require_image("mixformerv2: templates", pictures, network::template_extents(count));
    if (count == 0 || count > capacity())
      heddle::detail::raise_shape("mixformerv2: templates", "images at most, and one at least", capacity(), count);
    const std::size_t bytes = set_bytes(ctx.backend, count);
    if (bytes > ctx.scratch.remaining()) arena::too_small(bytes, ctx.scratch.remaining());
    images_ = count;
    const auto x = make_matrix(ctx.scratch.template take<float>(tokens() * C.channels), tokens(), C.channels);
    for (std::size_t i = 0; i < count; ++i)
      net.embed_template(ctx, network::image(pictures, i),
                         row_range(x, i * network::template_tokens, network::template_tokens));
    for (std::size_t i = 0; i + 1 < C.depth; ++i) forward_and_keep(ctx, net.blocks.children[i], x, kept(i));
    keep_last(ctx, net.blocks.children[C.depth - 1], net.last_projection, as_const(x), kept(C.depth - 1));
  }

  /// Scratch bytes of `forward` after up to `images` templates.
  template <class Any>
  static constexpr std::size_t forward_bytes(const Any& backend, std::size_t images) {
    const std::size_t rows = network::frame_tokens;
    const std::size_t blocks = prefix_bytes<typename network::block_type>(backend, rows, images * network::template_tokens);
    const std::size_t patches = network::patch_type::scratch_bytes(backend, network::search_extents());
    const std::size_t heads = network::predict_bytes(backend, 1);
    const std::size_t largest = blocks > patches ? blocks : patches;
    return heddle::scratch_bytes<float>(rows * C.channels) + (largest > heads ? largest : heads);
  }

  /// Box and score in one search region `[1, side, side, 3]`, normalised. Of the last block only the prediction tokens are
  /// computed: nothing else is read. They are written to `prediction`, `[4, channels]`, if it is not left out.
  /// @throws shape_error, workspace_error before any work
  template <class Any>
  void forward(context<Any> ctx, const network& net, map_view<const float> search, const mixformerv2_outputs& out,
               matrix_view<float> prediction = {}) const {
    network::require_image("mixformerv2: search", search, network::search_extents());
    network::require_outputs(out, 1);
    if (images_ == 0) heddle::detail::raise<shape_error>("mixformerv2: no templates were set; call set first");
    const std::size_t bytes = forward_bytes(ctx.backend, images_);
    if (bytes > ctx.scratch.remaining()) arena::too_small(bytes, ctx.scratch.remaining());
    const auto x =
        make_matrix(ctx.scratch.template take<float>(network::frame_tokens * C.channels), network::frame_tokens, C.channels);
    net.embed_frame(ctx, search, x);
    for (std::size_t i = 0; i + 1 < C.depth; ++i) forward_after_prefix(ctx, net.blocks.children[i], x, block(i));
    forward_last_after_prefix(ctx, net.blocks.children[C.depth - 1], net.last_projection, x, network::prediction_tokens,
                              block(C.depth - 1));
    const matrix_view<const float> rows = row_range(x, network::search_tokens, network::prediction_tokens);
    if (prediction.data_handle() != nullptr) map(ctx, rows, prediction, identity{});
    net.predict(ctx, rows, out);
  }
};

}  // namespace heddle::examples
