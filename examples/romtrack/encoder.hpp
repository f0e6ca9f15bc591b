/// @file
/// The encoder of ROMTrack: a plain transformer over hybrid template and search region, whose layers also read the keys of
/// the inherent template and of the variation tokens.
#pragma once

#include <algorithm>
#include <array>
#include <string>

#include "heddle/layer/convolution.hpp"
#include "heddle/layer/sequential.hpp"
#include "memory.hpp"
#include "tracking/keyed_block.hpp"

namespace heddle::examples {

/// With T hybrid template, S search region, I inherent template, V variation tokens: T and S see T, I, V and S; I sees itself.
/// V has keys only: those that T had in the same layer one frame before. A layer reads V, then puts T's in its place.
template <romtrack_config C>
struct romtrack_encoder {
  static_assert(C.search_size % C.patch == 0 && C.template_size % C.patch == 0,
                "romtrack: image sides must be multiples of the patch");
  static_assert(C.dim % C.heads == 0, "romtrack: dim must be divisible by heads");
  static_assert(C.depth > 0, "romtrack: at least one block");
  static constexpr std::size_t frame_tokens = C.template_tokens() + C.search_tokens();
  static constexpr std::size_t last = C.depth - 1;
  using patch_type =
      convolution<3, C.dim, convolution_options{.size = C.patch, .stride = C.patch, .padding = padding_rule::none}>;
  using norm_type = layer_norm<C.dim, C.norm_epsilon>;
  using block_type = encoder_block<norm_type, self_attention<C.dim, C.heads>, mlp<C.dim, C.mlp_ratio * C.dim>>;
  using steps = keyed_block<block_type>;
  using memory_type = romtrack_memory<C>;  ///< on the host

  patch_type patch_embed_t;  ///< of templates and search regions
  parameter<1, C.template_tokens(), C.dim> pos_embed_t;
  parameter<1, C.search_tokens(), C.dim> pos_embed_s;
  std::array<block_type, C.depth> blocks;
  norm_type norm;
  split_projection<typename steps::attention_type> last_projection;  ///< of the last block; made by `prepare`

  static constexpr std::size_t parameter_count() {
    return parameters<patch_type> + frame_tokens * C.dim + C.depth * parameters<block_type> + parameters<norm_type>;
  }
  template <class Self, class F>
  static void visit_children(Self& self, F&& f) {
    f("patch_embed_t.proj", self.patch_embed_t);
    f("pos_embed_t", self.pos_embed_t);
    f("pos_embed_s", self.pos_embed_s);
    for (std::size_t i = 0; i < C.depth; ++i)
      heddle::detail::with_index_name(i, [&](std::string_view name) { f("blocks." + std::string(name), self.blocks[i]); });
    f("norm", self.norm);
  }

  template <class Backend>
  HEDDLE_COLD void prepare(const Backend& backend) {
    last_projection.prepare_from(backend, blocks[last].attn.qkv);
  }

  static constexpr map_extents search_extents(std::size_t batch) { return map_extents(batch, C.search_size, C.search_size, 3); }
  static constexpr map_extents template_extents(std::size_t batch) {
    return map_extents(batch, C.template_size, C.template_size, 3);
  }
  static constexpr map_extents feature_extents(std::size_t batch) {
    return map_extents(batch, C.search_side(), C.search_side(), C.dim);
  }
  /// Of a frame, variation tokens included. The template's tokens have keys and values alone in the last block.
  static constexpr std::uint64_t multiply_adds(std::size_t batch) {
    const std::uint64_t rows = frame_tokens;
    const std::uint64_t keys = rows + 2 * C.template_tokens();
    const std::uint64_t row = (2 + 2 * C.mlp_ratio) * C.dim * C.dim + 2 * keys * C.dim;  // all but keys and values
    const std::uint64_t blocks_of_all = C.depth * rows * (2 * C.dim * C.dim + row) - C.template_tokens() * row;
    return batch * (patch_type::multiply_adds(search_extents(1)) + blocks_of_all);
  }

  /// Scratch of `set_template`.
  template <class Backend>
  static std::size_t template_bytes(const Backend& backend, std::size_t batch) {
    constexpr std::size_t tokens = C.template_tokens();
    const std::size_t rows = batch * tokens;
    const std::size_t block =
        std::max(steps::project_bytes(backend, rows), steps::finish_bytes(backend, batch, tokens, tokens));
    const std::size_t projection = heddle::scratch_bytes<float>(rows * steps::projected);
    return heddle::scratch_bytes<float>(rows * C.dim) +
           std::max(patch_type::scratch_bytes(backend, template_extents(batch)), projection + block);
  }
  /// Runs the inherent template alone and keeps its keys and values; the hybrid template starts from `hybrid`. Trackers pass
  /// the same image twice. With `variation`, the variation tokens begin as the inherent template's; without it, there are
  /// none. Both images are `[batch, template_size, template_size, 3]`. @throws shape_error, workspace_error before any work
  template <class Backend, class Home>
  void set_template(context<Backend> ctx, map_view<const float> inherent, map_view<const float> hybrid,
                    romtrack_memory<C, Home>& memory, bool variation = true) const {
    constexpr std::size_t tokens = C.template_tokens();
    const std::size_t batch = memory.batch();
    require_images("romtrack: inherent template", template_extents(batch), inherent.extents());
    require_images("romtrack: template", template_extents(batch), hybrid.extents());
    require_scratch(template_bytes(ctx.backend, batch), ctx.scratch);
    const auto x = make_matrix(ctx.scratch.template take<float>(batch * tokens * C.dim), batch * tokens, C.dim);
    embed_template(ctx, hybrid, memory.patches());
    embed_template(ctx, inherent, x);
    float* const projection = ctx.scratch.template take<float>(batch * tokens * steps::projected);
    for (std::size_t l = 0; l < last; ++l) {
      steps::project(ctx, blocks[l], as_const(x), projection);
      keep(ctx, projected_pairs(projection), batch, tokens, memory.inherent(l));
      keep(ctx, projected_pairs(projection), batch, tokens, memory.variation(l));
      const auto own = steps::views(projection, batch, tokens);
      const auto none = steps::views(projection, batch, 0);
      steps::finish(ctx, blocks[l], own.q, join(own.k, none.k, none.k), join(own.v, none.v, none.v), x);
    }
    steps::project_last(ctx, blocks[last], last_projection, as_const(x), tokens, 0, nullptr, projection);
    keep(ctx, pairs(projection), batch, tokens, memory.inherent(last));
    keep(ctx, pairs(projection), batch, tokens, memory.variation(last));
    memory.set_variation(variation);
  }

  /// Scratch of `forward`.
  template <class Backend>
  static std::size_t scratch_bytes(const Backend& backend, std::size_t batch) {
    const std::size_t rows = batch * frame_tokens;
    const std::size_t keys = frame_tokens + 2 * C.template_tokens();
    const std::size_t block =
        std::max({steps::project_bytes(backend, rows), steps::finish_bytes(backend, batch, frame_tokens, keys),
                  steps::finish_bytes(backend, batch, C.search_tokens(), keys)});
    const std::size_t projection = heddle::scratch_bytes<float>(rows * 2 * C.dim) + heddle::scratch_bytes<float>(rows * C.dim);
    return heddle::scratch_bytes<float>(rows * C.dim) +
           std::max(patch_type::scratch_bytes(backend, search_extents(batch)), projection + block);
  }
  /// Features of the search region `[batch, search_side, search_side, dim]` from `[batch, search_size, search_size, 3]`. Leaves
  /// the hybrid template's keys and values in the place of the variation tokens. Of the last block only the search region is
  /// computed: nothing else is read. @throws shape_error, workspace_error before any work
  template <class Backend, class Home>
  void forward(context<Backend> ctx, map_view<const float> image, romtrack_memory<C, Home>& memory,
               map_view<float> features) const {
    const matrix_view<float> x = begin(ctx, image, memory, features);
    run_blocks(ctx, last, memory, x, [](std::size_t, matrix_view<const float>) {});
    copy_search_rows(ctx, x, features);
    run_last(ctx, memory, as_const(x), as_rows(features));
    norm.forward_rows(ctx, as_const(as_rows(features)), as_rows(features));
    memory.set_variation(true);
  }
  /// The same with every token through every block: `observe(layer, rows)` sees the tokens `[batch * frame_tokens, dim]`
  /// (template, then search region) after each.
  template <class Backend, class Home, class Observe>
  void forward(context<Backend> ctx, map_view<const float> image, romtrack_memory<C, Home>& memory, map_view<float> features,
               Observe&& observe) const {
    const matrix_view<float> x = begin(ctx, image, memory, features);
    run_blocks(ctx, C.depth, memory, x, observe);
    copy_search_rows(ctx, x, features);
    norm.forward_rows(ctx, as_const(as_rows(features)), as_rows(features));
    memory.set_variation(true);
  }

 private:
  using view_type = head_view<const float, steps::head_dim>;
  struct stored_parts {
    view_type k;
    view_type v;
  };
  static typename steps::template keys<3> join(const view_type& a, const view_type& b, const view_type& c) {
    return {{a, b, c}};
  }

  /// Keys and values next to each other for every token, of images `room` tokens apart.
  static stored_parts stored(const float* rows, std::size_t batch, std::size_t tokens, std::size_t room) {
    const extents<dyn, dyn, dyn, steps::head_dim> e(batch, C.heads, tokens, steps::head_dim);
    const std::array<std::size_t, 4> strides{room * 2 * C.dim, steps::head_dim, 2 * C.dim, 1};
    return {view_type(rows, e, strides), view_type(rows + C.dim, e, strides)};
  }

  /// Where rows of keys and values begin, and how many floats they are apart.
  struct pair_rows {
    const float* first;
    std::size_t pitch;
  };
  static pair_rows projected_pairs(const float* projection) { return {projection + C.dim, steps::projected}; }
  static pair_rows pairs(const float* rows) { return {rows, 2 * C.dim}; }

  /// Copies keys and values of the template's tokens, the first of `tokens` tokens an image.
  template <class Backend>
  static void keep(context<Backend> ctx, const pair_rows& from, std::size_t batch, std::size_t tokens, float* to) {
    constexpr std::size_t count = C.template_tokens();
    for (std::size_t b = 0; b < batch; ++b)
      map(ctx, make_matrix(from.first + b * tokens * from.pitch, count, 2 * C.dim, from.pitch),
          make_matrix(to + b * count * 2 * C.dim, count, 2 * C.dim), identity{});
  }

  static matrix_view<float> search_rows(const matrix_view<float>& x, std::size_t b) {
    return row_range(x, b * frame_tokens + C.template_tokens(), C.search_tokens());
  }
  template <class Backend>
  static void copy_search_rows(context<Backend> ctx, const matrix_view<float>& x, map_view<float> to) {
    for (std::size_t b = 0; b < to.extent(0); ++b)
      map(ctx, as_const(search_rows(x, b)), row_range(as_rows(to), b * C.search_tokens(), C.search_tokens()), identity{});
  }

  /// The tokens of a frame before the first block, in scratch that `ctx` keeps. The patches pass through `features`.
  template <class Backend, class Home>
  matrix_view<float> begin(context<Backend>& ctx, map_view<const float> image, romtrack_memory<C, Home>& memory,
                           map_view<float> features) const {
    const std::size_t batch = memory.batch();
    require_images("romtrack: search", search_extents(batch), image.extents());
    require_images("romtrack: features", feature_extents(batch), features.extents());
    if (!memory.is_set()) heddle::detail::raise<shape_error>("romtrack: no template was set; call set_template first");
    require_scratch(scratch_bytes(ctx.backend, batch), ctx.scratch);
    const auto x = make_matrix(ctx.scratch.template take<float>(batch * frame_tokens * C.dim), batch * frame_tokens, C.dim);
    patch_embed_t.forward(ctx, image, features);
    const auto positions = make_matrix(pos_embed_s.data(), C.search_tokens(), C.dim);
    for (std::size_t b = 0; b < batch; ++b) {
      map(ctx, as_const(row_range(memory.patches(), b * C.template_tokens(), C.template_tokens())),
          row_range(x, b * frame_tokens, C.template_tokens()), identity{});
      map(ctx, as_const(row_range(as_rows(features), b * C.search_tokens(), C.search_tokens())), positions, search_rows(x, b),
          heddle::detail::sum{});
    }
    return x;
  }

  /// The first `count` blocks, in place.
  template <class Backend, class Home, class Observe>
  void run_blocks(context<Backend> ctx, std::size_t count, romtrack_memory<C, Home>& memory, matrix_view<float> x,
                  Observe&& observe) const {
    const std::size_t batch = memory.batch();
    float* const projection = ctx.scratch.template take<float>(x.extent(0) * steps::projected);
    for (std::size_t l = 0; l < count; ++l) {
      steps::project(ctx, blocks[l], as_const(x), projection);
      const auto own = steps::views(projection, batch, frame_tokens);
      const auto inherent = stored(memory.inherent(l), batch, C.template_tokens(), C.template_tokens());
      const auto variation = stored(memory.variation(l), batch, memory.variation_tokens(), C.template_tokens());
      steps::finish(ctx, blocks[l], own.q, join(own.k, inherent.k, variation.k), join(own.v, inherent.v, variation.v), x);
      keep(ctx, projected_pairs(projection), batch, frame_tokens, memory.variation(l));
      observe(l, as_const(x));
    }
  }

  /// The last block of the search rows `y`, which are those of `x`: the template's tokens answer, but do not ask.
  template <class Backend, class Home>
  void run_last(context<Backend> ctx, romtrack_memory<C, Home>& memory, matrix_view<const float> x,
                matrix_view<float> y) const {
    const std::size_t batch = memory.batch();
    float* const queries = ctx.scratch.template take<float>(y.extent(0) * C.dim);
    float* const answers = ctx.scratch.template take<float>(x.extent(0) * 2 * C.dim);
    steps::project_last(ctx, blocks[last], last_projection, x, frame_tokens, C.search_tokens(), queries, answers);
    const view_type q(merged_heads<steps::head_dim>(queries, batch, C.search_tokens(), C.heads));
    const auto own = stored(answers, batch, frame_tokens, frame_tokens);
    const auto inherent = stored(memory.inherent(last), batch, C.template_tokens(), C.template_tokens());
    const auto variation = stored(memory.variation(last), batch, memory.variation_tokens(), C.template_tokens());
    steps::finish(ctx, blocks[last], q, join(own.k, inherent.k, variation.k), join(own.v, inherent.v, variation.v), y);
    keep(ctx, pairs(answers), batch, frame_tokens, memory.variation(last));
  }

  template <class Backend>
  void embed_template(context<Backend> ctx, map_view<const float> image, matrix_view<float> tokens) const {
    const std::size_t batch = image.extent(0);
    patch_embed_t.forward(
        ctx, image, map_view<float>(tokens.data_handle(), map_extents(batch, C.template_side(), C.template_side(), C.dim)));
    const auto positions = make_matrix(pos_embed_t.data(), C.template_tokens(), C.dim);
    for (std::size_t b = 0; b < batch; ++b) {
      const auto rows = row_range(tokens, b * C.template_tokens(), C.template_tokens());
      map(ctx, as_const(rows), positions, rows, heddle::detail::sum{});
    }
  }

  static void require_images(const char* name, const map_extents& expected, const map_extents& got) {
    constexpr const char* axes[] = {"images", "rows", "columns", "channels"};
    for (std::size_t r = 0; r < 4; ++r) require_extent(name, axes[r], expected.extent(r), got.extent(r));
  }
  static void require_scratch(std::size_t needed, const arena& scratch) {
    if (needed > scratch.remaining()) arena::too_small(needed, scratch.remaining());
  }
};

}  // namespace heddle::examples
