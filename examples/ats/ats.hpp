/// @file
/// A vision transformer with adaptive token sampling (Fayyaz et al., ECCV 2022, arXiv 2111.15667).
#pragma once

#include "heddle/io/key_map.hpp"
#include "heddle/layer/convolution.hpp"
#include "padded.hpp"

namespace heddle::examples {

/// The network: `[batch, height, width, 3]`, normalised, to logits `[batch, 1, 1, classes]`. Every image keeps
/// the tokens that it needs: the rows of a batch are not padded on the host; on a device, which keeps the numbers to itself, they are.
template <ats_config C>
struct ats {
  static_assert(C.height % C.patch == 0 && C.width % C.patch == 0, "ats: the image must be a whole number of patches");
  static_assert(C.depth <= 64, "ats: at most 64 blocks");
  using embedding_type =
      convolution<3, C.channels, convolution_options{.size = C.patch, .stride = C.patch, .padding = padding_rule::none}>;
  using block_type = ats_block<C.channels, C.heads, C.hidden>;
  using padded_type = ats_padded_block<block_type>;
  using norm_type = layer_norm<C.channels, ratio{1, 1000000}>;
  using head_type = linear<C.channels, C.classes>;

  parameter<1, 1, C.channels> class_token;
  parameter<1, C.tokens(), C.channels> positions;
  embedding_type embedding;
  std::array<block_type, C.depth> blocks;
  norm_type norm;
  head_type head;

  static constexpr std::size_t parameter_count() {
    return (C.tokens() + 1) * C.channels + parameters<embedding_type> + C.depth * parameters<block_type> +
           parameters<norm_type> + parameters<head_type>;
  }
  template <class Self, class F>
  static void visit_children(Self& self, F&& f) {
    f("cls_token", self.class_token);
    f("pos_embed", self.positions);
    f("patch_embed.proj", self.embedding);
    for (std::size_t i = 0; i < C.depth; ++i) f("blocks." + std::to_string(i), self.blocks[i]);
    f("norm", self.norm);
    f("head", self.head);
  }
  /// From the names of this composition to those of DeiT checkpoints.
  static io::key_map key_map() {
    io::key_map names;
    names.rename("blocks.*.feed_forward.norm", "blocks.*.norm2").rename("blocks.*.feed_forward.fn", "blocks.*.mlp");
    names.ignore("blocks.*.attn.out_zero_mask");
    return names;
  }

  static constexpr map_extents output_extents(const map_extents& x) {
    require_extent("ats: x", "rows", C.height, x.extent(1));
    require_extent("ats: x", "columns", C.width, x.extent(2));
    require_extent("ats: x", "channels", 3, x.extent(3));
    return map_extents(x.extent(0), 1, 1, C.classes);
  }
  /// Of an image that keeps all its tokens. @see multiply_adds_of
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    std::array<std::size_t, C.depth> kept{};
    for (std::size_t& n : kept) n = C.tokens();
    return x.extent(0) * multiply_adds_of(kept);
  }
  /// Of an image with `kept[i]` tokens after block i.
  static constexpr std::uint64_t multiply_adds_of(const std::array<std::size_t, C.depth>& kept) {
    std::uint64_t sum = std::uint64_t{C.patches()} * 3 * C.patch * C.patch * C.channels + std::uint64_t{C.channels} * C.classes;
    for (std::size_t i = 0; i < C.depth; ++i) sum += block_type::multiply_adds(i == 0 ? C.tokens() : kept[i - 1], kept[i]);
    return sum;
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    const std::size_t batch = x.extent(0);
    const std::size_t embeds = embedding_type::scratch_bytes(backend, map_extents(1, C.height, C.width, 3));
    const std::size_t runs = runs_bytes(backend, batch);
    const std::size_t largest = embeds > runs ? embeds : runs;
    return heddle::scratch_bytes<float>(batch * C.tokens() * C.channels) + heddle::scratch_bytes<float>(batch * C.channels) +
           heddle::scratch_bytes<std::size_t>(batch + 1) + heddle::scratch_bytes<std::int32_t>(C.tokens()) + largest;
  }

  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    forward(ctx, x, y, silent{});
  }

  /// The same, watched: `observe.trace(block, b, tokens)` gives an `inverse_cdf_trace` for the selection,
  /// `observe.block(i, tokens)` sees the tokens after block i, `observe.feature(rows)` what the head reads. On a device
  /// `observe.padded_trace(block, batch, places)` gives the trace of all images, and tokens are `ats_padded_tokens`.
  template <class Backend, class Observe>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y, Observe&& observe) const {
    const std::size_t batch = x.extent(0);
    const auto feature = make_matrix(ctx.scratch.template take<float>(batch * C.channels), batch, C.channels);
    const ats_sampling sampler{{}, {C.sample_points(), C.padded_scores}};
    if constexpr (prefers_whole_maps<Backend>) {
      run_padded(ctx, x, feature, sampler, observe);
    } else {
      run_ragged(ctx, x, feature, sampler, observe);
    }
    observe.feature(as_const(feature));
    head.forward_rows(ctx, as_const(feature), as_rows(y));
  }

 private:
  struct silent {
    static inverse_cdf_trace trace(std::size_t, std::size_t, std::size_t) noexcept { return {}; }
    static inverse_cdf_trace padded_trace(std::size_t, std::size_t, std::size_t) noexcept { return {}; }
    template <class Tokens>
    static void block(std::size_t, const Tokens&) noexcept {}
    static void feature(matrix_view<const float>) noexcept {}
  };

  template <class Backend>
  static constexpr std::size_t runs_bytes(const Backend& backend, std::size_t batch) {
    if constexpr (prefers_whole_maps<Backend>) {
      return padded_type::scratch_bytes(backend, batch, C.tokens());
    } else {
      return block_type::scratch_bytes(backend, batch, C.tokens());
    }
  }

  template <class Backend, class Observe>
  void run_ragged(context<Backend> ctx, map_view<const float> x, matrix_view<float> feature, const ats_sampling& sampler,
                  Observe&& observe) const {
    const std::size_t batch = x.extent(0);
    ats_tokens tokens = take_tokens(ctx, batch);
    embed(ctx, x, tokens.rows);
    for (std::size_t i = 0; i < C.depth; ++i) {
      if (C.samples(i)) {
        blocks[i].forward(ctx, tokens, sampler, [&](std::size_t b, std::size_t n) { return observe.trace(i, b, n); });
      } else {
        blocks[i].forward(ctx, tokens);
      }
      observe.block(i, tokens);
    }
    for (std::size_t b = 0; b < batch; ++b)
      norm.forward_rows(ctx, as_const(row_range(tokens.rows, tokens.sequences.starts[b], 1)), row_range(feature, b, 1));
  }

  template <class Backend, class Observe>
  void run_padded(context<Backend> ctx, map_view<const float> x, matrix_view<float> feature, const ats_sampling& sampler,
                  Observe&& observe) const {
    const std::size_t batch = x.extent(0);
    ats_padded_tokens tokens;
    tokens.rows =
        make_matrix(ctx.scratch.template take<float>(batch * C.tokens() * C.channels), batch * C.tokens(), C.channels);
    tokens.sequences = {{ctx.scratch.template take<std::int32_t>(batch), batch}, C.tokens()};
    each(ctx, batch, detail::ats_set_length{tokens.sequences.lengths.data(), static_cast<std::int32_t>(C.tokens())});
    embed(ctx, x, tokens.rows);
    for (std::size_t i = 0; i < C.depth; ++i) {
      if (C.samples(i)) {
        padded_type::forward(ctx, blocks[i], tokens, sampler, C.padded_to_all ? C.tokens() : 0,
                             observe.padded_trace(i, batch, tokens.sequences.places));
      } else {
        padded_type::forward(ctx, blocks[i], tokens);
      }
      observe.block(i, tokens);
    }
    const auto first =
        make_matrix<const float>(tokens.rows.data_handle(), batch, C.channels, tokens.sequences.places * C.channels);
    norm.forward_rows(ctx, first, feature);
  }

  template <class Backend>
  static ats_tokens take_tokens(context<Backend>& ctx, std::size_t batch) {
    ats_tokens t;
    t.rows = make_matrix(ctx.scratch.template take<float>(batch * C.tokens() * C.channels), batch * C.tokens(), C.channels);
    t.sequences.starts = {ctx.scratch.template take<std::size_t>(batch + 1), batch + 1};
    t.sequences.set_equal(C.tokens());
    t.kept = {ctx.scratch.template take<std::int32_t>(C.tokens()), C.tokens()};
    t.padded_length = C.padded_to_all ? C.tokens() : 0;
    return t;
  }

  template <class Backend>
  void embed(context<Backend> ctx, map_view<const float> x, matrix_view<float> rows) const {
    constexpr std::size_t grid_height = C.height / C.patch;
    constexpr std::size_t grid_width = C.width / C.patch;
    const auto table = make_matrix(positions.data(), C.tokens(), C.channels);
    const auto first = make_matrix(class_token.data(), 1, C.channels);
    for (std::size_t b = 0; b < x.extent(0); ++b) {
      const auto own = row_range(rows, b * C.tokens(), C.tokens());
      const map_view<const float> image(x.data_handle() + b * C.height * C.width * 3, map_extents(1, C.height, C.width, 3));
      embedding.forward(ctx, image,
                        map_view<float>(own.data_handle() + C.channels, map_extents(1, grid_height, grid_width, C.channels)));
      map(ctx, first, row_range(own, 0, 1), identity{});
      map(ctx, as_const(own), table, own, heddle::detail::sum{});
    }
  }
};

// The count of the published model, as a constant of its type.
static_assert(parameters<ats<ats_deit_small>> == 22'050'664);

}  // namespace heddle::examples
