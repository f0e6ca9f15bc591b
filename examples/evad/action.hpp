/// @file
/// The action branch of EVAD: features of each person through time, and a decoder in which they see all tokens that are left.
#pragma once

#include <algorithm>

#include "block.hpp"
#include "position.hpp"

namespace heddle::examples {

/// A decoder block with its classifier; only the last one's is used. The block's children are the layer's own.
template <evad_config C>
struct evad_decoder_block {
  using block_type = evad_block<C.decoder_channels, C.decoder_heads, C.decoder_hidden, true, false>;
  block_type block;
  tower<C.decoder_channels, C.action_hidden, C.action_layers> act_module;
  linear<C.action_hidden, C.actions> action_logits;

  static constexpr auto members() {
    return heddle::members<&evad_decoder_block::block, &evad_decoder_block::act_module, &evad_decoder_block::action_logits>(
        "", "act_module", "action_logits");
  }
};

/// What the branch works on.
struct evad_scene {
  std::size_t height = 0;  ///< tokens of a frame
  std::size_t width = 0;
  matrix_view<const float> sizes{};  ///< `[batch, 2]` = (width, height) of each clip without padding, in pixels
};

namespace detail {
// Outside of the networks' templates: nvcc cannot name what is inside one whose argument holds arrays.

/// Each side moved out by its share of (size + 1), then cut at the image. `size`: its width and height.
struct evad_extend_box {
  matrix_view<const float> boxes;
  const float* size;
  matrix_view<float> rois;
  float x_share;
  float y_share;
  HEDDLE_HOST_DEVICE void operator()(std::size_t r) const {
    const float x = x_share * (boxes(r, 2) - boxes(r, 0) + 1.0F);
    const float y = y_share * (boxes(r, 3) - boxes(r, 1) + 1.0F);
    rois(r, 0) = 0.0F;
    rois(r, 1) = clamped(boxes(r, 0) - x, size[0] - 1.0F);
    rois(r, 2) = clamped(boxes(r, 1) - y, size[1] - 1.0F);
    rois(r, 3) = clamped(boxes(r, 2) + x, size[0] - 1.0F);
    rois(r, 4) = clamped(boxes(r, 3) + y, size[1] - 1.0F);
  }
  HEDDLE_HOST_DEVICE static float clamped(float x, float most) noexcept { return x < 0.0F ? 0.0F : most < x ? most : x; }
};
/// Where a token lies in the volume: the key frame's in order, the others by how many of them have smaller numbers, which
/// sorts them.
struct evad_place {
  const std::int32_t* numbers;
  std::int32_t* places;
  std::size_t keyframe;
  std::size_t count;
  std::size_t key;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    if (i < keyframe) {
      places[i] = static_cast<std::int32_t>(key + i);
      return;
    }
    const std::int32_t own = numbers[i - keyframe];
    std::size_t smaller = 0;
    for (std::size_t k = 0; k < count; ++k) smaller += numbers[k] < own ? 1U : 0U;
    places[keyframe + smaller] = static_cast<std::size_t>(own) >= key ? own + static_cast<std::int32_t>(keyframe) : own;
  }
};
/// The largest of a person's bins, added to what earlier times gave.
struct evad_add_largest {
  const float* pooled;
  matrix_view<float> y;
  std::size_t bins;
  bool first;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    const std::size_t channels = y.extent(1);
    const float* const from = pooled + i / channels * bins * channels + i % channels;
    float largest = from[0];
    for (std::size_t b = 1; b < bins; ++b) {
      const float x = from[b * channels];
      largest = x > largest || x != x ? x : largest;
    }
    float& to = y(i / channels, i % channels);
    to = first ? largest : to + largest;
  }
};
struct evad_scaled {
  float factor;
  template <class T>
  HEDDLE_HOST_DEVICE T operator()(T x) const noexcept {
    return x * T(factor);
  }
};
}  // namespace detail

template <evad_config C>
struct evad_action_branch {
  static constexpr std::size_t D = C.decoder_channels;
  static constexpr std::size_t Q = C.detector.queries;
  static constexpr std::size_t bins = C.action_bins * C.action_bins;
  using block_type = evad_decoder_block<C>;

  linear<C.channels, D, linear_options{.bias = false}> encoder_to_decoder;
  parameter<1, 1, D> mask_token;
  std::array<block_type, C.decoder_depth> blocks;
  evad_positions positions;

  static constexpr std::size_t parameter_count() { return C.channels * D + D + C.decoder_depth * parameters<block_type>; }
  template <class Self, class F>
  static void visit_children(Self& self, F&& f) {
    f("encoder_to_decoder", self.encoder_to_decoder);
    f("mask_token", self.mask_token);
    for (std::size_t i = 0; i < C.decoder_depth; ++i) f("decoder.blocks." + std::to_string(i), self.blocks[i]);
  }
  template <class Backend>
  HEDDLE_COLD void prepare(const Backend& backend) {
    positions = evad_positions(backend, C.times(), C.table_side, D);
  }
  static constexpr std::uint64_t multiply_adds(std::size_t tokens) noexcept {
    return std::uint64_t{tokens} * C.channels * D +
           C.decoder_depth * block_type::block_type::multiply_adds(tokens + Q, tokens + Q) +
           Q * (decltype(block_type::act_module)::row_multiply_adds() + std::uint64_t{C.action_hidden} * C.actions);
  }

  template <class Backend>
  static std::size_t scratch_bytes(const Backend& backend, std::size_t batch, std::size_t tokens, std::size_t height,
                                   std::size_t width) {
    const std::size_t rows = batch * (tokens + Q);
    const std::size_t all = C.times() * height * width;
    const map_extents slice(1, height, width, D);
    const map_extents pooled(Q, C.action_bins, C.action_bins, D);
    const std::size_t pools = heddle::scratch_bytes<float>(Q * 5) + heddle::scratch_bytes<float>(pooled.size()) +
                              heddle::scratch_bytes<float>(D) + roi_bytes(backend, slice, pooled);
    const std::size_t inputs = heddle::scratch_bytes<float>(batch * tokens * D) + heddle::scratch_bytes<float>(all * D) +
                               heddle::scratch_bytes<std::int32_t>(tokens) +
                               evad_positions::bytes(backend, C.times(), C.table_side, height, width, D) + pools;
    const std::size_t classifies =
        heddle::scratch_bytes<float>(batch * Q * D) + 2 * heddle::scratch_bytes<float>(batch * Q * C.action_hidden);
    return heddle::scratch_bytes<float>(rows * D) +
           std::max({inputs, block_type::block_type::scratch_bytes(backend, batch, tokens + Q), classifies});
  }

  /// @param x      tokens that are left, after the last norm
  /// @param boxes  `[batch * queries, 4]`
  /// @param logits `[batch * queries, actions]`
  template <class Backend, class Observe>
  void forward(context<Backend> ctx, const evad_tokens& x, const evad_scene& scene, matrix_view<const float> boxes,
               matrix_view<float> logits, Observe&& observe) const {
    const std::size_t rows = x.batch * (x.tokens + Q);
    const auto in = make_matrix(ctx.scratch.template take<float>(rows * D), rows, D);
    make_input(ctx, x, scene, boxes, in);
    observe.decoder_input(as_const(in));
    for (const block_type& b : blocks) b.block.forward(ctx, x.batch, in);
    classify(ctx, x, as_const(in), logits);
  }

 private:
  template <class Backend>
  void make_input(context<Backend> ctx, const evad_tokens& x, const evad_scene& scene, matrix_view<const float> boxes,
                  matrix_view<float> in) const {
    const std::size_t all = C.times() * x.keyframe;
    const auto z = make_matrix(ctx.scratch.template take<float>(x.batch * x.tokens * D), x.batch * x.tokens, D);
    encoder_to_decoder.forward_rows(ctx, as_const(x.rows), z);
    const matrix_view<const float> table = positions.rows(ctx, scene.height, scene.width);
    const auto volume = make_matrix(ctx.scratch.template take<float>(all * D), all, D);
    const std::span<std::int32_t> places(ctx.scratch.template take<std::int32_t>(x.tokens), x.tokens);
    for (std::size_t b = 0; b < x.batch; ++b) {
      const auto own = as_const(row_range(z, b * x.tokens, x.tokens));
      const auto tokens = row_range(in, b * (x.tokens + Q), x.tokens);
      set_places(ctx, x, b, places);
      put_back_rows(ctx, places, own, mask_token.span(), volume);
      map(ctx, as_const(volume), table, volume, heddle::detail::sum{});
      gather_rows(ctx, table, places, tokens);
      map(ctx, own, as_const(tokens), tokens, heddle::detail::sum{});
      pool_persons(ctx, volume, scene, b, row_range(boxes, b * Q, Q), row_range(in, b * (x.tokens + Q) + x.tokens, Q));
    }
  }

  /// Where the tokens of clip b lie in the volume, in order of time. The released code, and so its weights, put the tokens that
  /// are left, as they are stored, on the places that are left in ascending order: one stands where another one was.
  template <class Backend>
  static void set_places(context<Backend> ctx, const evad_tokens& x, std::size_t b, std::span<std::int32_t> places) {
    const std::size_t key = C.times() / 2 * x.keyframe;
    if constexpr (prefers_whole_maps<Backend>) {
      each(ctx, places.size(),
           detail::evad_place{x.numbers_of(b).data(), places.data(), x.keyframe, places.size() - x.keyframe, key});
    } else {
      for (std::size_t i = 0; i < x.keyframe; ++i) places[i] = static_cast<std::int32_t>(key + i);
      const std::span<const std::int32_t> numbers = x.numbers_of(b);
      std::copy(numbers.begin(), numbers.end(), places.begin() + static_cast<std::ptrdiff_t>(x.keyframe));
      std::sort(places.begin() + static_cast<std::ptrdiff_t>(x.keyframe), places.end());
      for (std::size_t i = x.keyframe; i < places.size(); ++i)
        if (static_cast<std::size_t>(places[i]) >= key) places[i] += static_cast<std::int32_t>(x.keyframe);
    }
  }

  /// Features of the persons of one clip: RoI align at every time, the maximum of its bins, the mean over time.
  template <class Backend>
  void pool_persons(context<Backend> ctx, matrix_view<const float> volume, const evad_scene& scene, std::size_t b,
                    matrix_view<const float> boxes, matrix_view<float> y) const {
    const auto rois = make_matrix(ctx.scratch.template take<float>(Q * 5), Q, 5);
    constexpr auto x_share = static_cast<float>(C.extend_x.value() / 2);
    constexpr auto y_share = static_cast<float>(C.extend_y.value() / 2);
    each(ctx, Q, detail::evad_extend_box{boxes, scene.sizes.data_handle() + b * scene.sizes.stride(0), rois, x_share, y_share});
    const map_extents slice(1, scene.height, scene.width, D);
    const map_view<float> pooled(ctx.scratch.template take<float>(Q * bins * D),
                                 map_extents(Q, C.action_bins, C.action_bins, D));
    const auto largest = make_matrix(ctx.scratch.template take<float>(D), 1, D);
    for (std::size_t t = 0; t < C.times(); ++t) {
      const map_view<const float> frame(volume.data_handle() + t * slice.size(), slice);
      roi_align(ctx, frame, as_const(rois), pooled,
                {.scale = 1.0F / static_cast<float>(C.patch), .samples = C.detector.samples, .aligned = true});
      if constexpr (prefers_whole_maps<Backend>) {
        each(ctx, Q * D, detail::evad_add_largest{pooled.data_handle(), y, bins, t == 0});
      } else {
        for (std::size_t q = 0; q < Q; ++q) {
          max_rows(ctx, as_const(row_range(as_rows(pooled), q * bins, bins)), std::span<float>(largest.data_handle(), D));
          const auto to = row_range(y, q, 1);
          if (t == 0) {
            map(ctx, as_const(largest), to, identity{});
          } else {
            map(ctx, as_const(to), as_const(largest), to, heddle::detail::sum{});
          }
        }
      }
    }
    map(ctx, as_const(y), y, detail::evad_scaled{1.0F / static_cast<float>(C.times())});
  }

  template <class Backend>
  void classify(context<Backend> ctx, const evad_tokens& x, matrix_view<const float> in, matrix_view<float> logits) const {
    const auto persons = make_matrix(ctx.scratch.template take<float>(x.batch * Q * D), x.batch * Q, D);
    const auto hidden =
        make_matrix(ctx.scratch.template take<float>(x.batch * Q * C.action_hidden), x.batch * Q, C.action_hidden);
    for (std::size_t b = 0; b < x.batch; ++b)
      map(ctx, row_range(in, b * (x.tokens + Q) + x.tokens, Q), row_range(persons, b * Q, Q), identity{});
    blocks.back().act_module.forward_rows(ctx, as_const(persons), hidden);
    blocks.back().action_logits.forward_rows(ctx, as_const(hidden), logits);
  }
};

}  // namespace heddle::examples
