/// @file
/// NGswin: lightweight super-resolution with n-gram context (Choi et al., "N-Gram in Swin Transformers for Efficient
/// Lightweight Image Super-Resolution", CVPR 2023).
#pragma once

#include <array>
#include <vector>

#include "bottleneck.hpp"
#include "heddle/io/key_map.hpp"
#include "heddle/primitive/pad.hpp"
#include "stage.hpp"

namespace heddle::examples {

/// What the published networks vary, and the constants around it.
struct ngswin_config {
  std::size_t scale = 2;  ///< 2, 3 or 4
  std::size_t channels = 64;
  std::array<std::size_t, 3> depth{6, 4, 4};
  std::array<std::size_t, 3> heads{6, 4, 4};
  std::size_t decoder_depth = 6;
  std::size_t decoder_heads = 6;
  std::size_t window = 8;
  ratio feed_forward{2, 1};
};

/// Mean and deviation of the training pictures, which the weights do not hold.
struct ngswin_statistics {
  std::array<float, 3> mean{0.4485F, 0.4375F, 0.4045F};
  std::array<float, 3> deviation{0.2397F, 0.2290F, 0.2389F};

  static constexpr ngswin_statistics of_scale(std::size_t scale) noexcept {
    ngswin_statistics s;
    if (scale == 3) s.deviation = {0.2373F, 0.2265F, 0.2367F};
    if (scale == 4) s.deviation = {0.2352F, 0.2244F, 0.2349F};
    return s;
  }
};

namespace detail {

struct ngswin_difference {
  template <class T>
  HEDDLE_HOST_DEVICE T operator()(T a, T b) const noexcept {
    return a - b;
  }
};
struct ngswin_quotient {
  template <class T>
  HEDDLE_HOST_DEVICE T operator()(T a, T b) const noexcept {
    return a / b;
  }
};
struct ngswin_product {
  template <class T>
  HEDDLE_HOST_DEVICE T operator()(T a, T b) const noexcept {
    return a * b;
  }
};

/// The part of the result that belongs to the picture, in its own range.
struct ngswin_shown {
  map_view<const float> result;
  map_view<float> y;
  const float* mean;
  const float* deviation;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    const std::size_t c = i % 3;
    const std::size_t column = i / 3 % y.extent(2);
    const std::size_t row = i / 3 / y.extent(2) % y.extent(1);
    const std::size_t b = i / 3 / y.extent(2) / y.extent(1);
    const float value = result.data_handle()[((b * result.extent(1) + row) * result.extent(2) + column) * 3 + c];
    y.data_handle()[i] = value * deviation[c] + mean[c];
  }
};

}  // namespace detail

/// What `ngswin::forward` shows on the way.
struct ngswin_silence {
  void operator()(std::size_t /*stage*/, std::size_t /*block*/, map_view<const float>) const noexcept {}
};

/// The network: `[batch, h, w, 3]` in [0, 1] to `[batch, scale * h, scale * w, 3]`, not clamped.
///
/// Sides that are no multiples of `multiple` are padded with zeros at the right and bottom, as in training code. Pictures
/// look better where the caller pads them by reflection (`pad_mode::symmetric`) and cuts the result. Padded sides must be at
/// least 8 windows.
template <ngswin_config C>
struct ngswin {
  static_assert(C.scale >= 2 && C.scale <= 4, "ngswin: the scale must be 2, 3 or 4");
  static constexpr std::size_t scale = C.scale;
  static constexpr std::size_t channels = C.channels;
  static constexpr std::size_t multiple = 4 * C.window;  ///< of padded sides
  static constexpr std::size_t smallest = 2 * multiple;  ///< padded side

  static constexpr ngswin_stage_options stage_options(std::size_t i) noexcept {
    return {.channels = C.channels,
            .in_channels = C.channels * (i + 1),
            .depth = C.depth[i],
            .heads = C.heads[i],
            .window = C.window,
            .hidden = C.channels * C.feed_forward.numerator / C.feed_forward.denominator,
            .merges = i < 2};
  }
  static constexpr ngswin_stage_options decoder_options() noexcept {
    ngswin_stage_options o = stage_options(0);
    o.depth = C.decoder_depth;
    o.heads = C.decoder_heads;
    o.merges = false;
    return o;
  }
  using first_type = ngswin_stage<stage_options(0)>;
  using second_type = ngswin_stage<stage_options(1)>;
  using third_type = ngswin_stage<stage_options(2)>;
  using decoder_type = ngswin_stage<decoder_options()>;
  static constexpr std::size_t shuffled = 3 * scale * scale;

  convolution<3, channels> shallow;
  first_type first;
  second_type second;
  third_type third;
  ngswin_bottleneck<channels> bottleneck;
  decoder_type decoder;
  layer_norm<channels> norm;
  convolution<channels, shuffled> before_shuffle;
  convolution<3, 3> to_origin;
  ngswin_statistics statistics = ngswin_statistics::of_scale(scale);
  made_weights kept_statistics{};  ///< mean and deviation for a device; made by `prepare`

  static constexpr auto members() {
    return heddle::members<&ngswin::shallow, &ngswin::first, &ngswin::second, &ngswin::third, &ngswin::bottleneck,
                           &ngswin::decoder, &ngswin::norm, &ngswin::before_shuffle, &ngswin::to_origin>(
        "shallow_extract.conv1", "encoder_layer1", "encoder_layer2", "encoder_layer3", "bottleneck", "decoder_layer1", "norm",
        "to_target.before_shuffle", "to_target.to_origin");
  }
  /// From the names of this composition to those of the official weights.
  static io::key_map key_map() {
    io::key_map map;
    map.rename("**.attn.bias.table", "**.attn.relative_position_bias_table")
        .rename("**.attn.bias.logit_scale", "**.attn.logit_scale");
    map.rename("**.ngram_attn.bias.table", "**.ngram_attn.relative_position_bias_table");
    map.rename("**.ngram_attn.bias.logit_scale", "**.ngram_attn.logit_scale");
    map.rename("**.mlp", "**.ffn");
    map.ignore("**.attn_mask").ignore("**.relative_position_index");
    return map;
  }

  template <class Backend>
  HEDDLE_COLD void prepare(const Backend& backend) {
    if constexpr (moves_weights<Backend>) {
      std::vector<float> values(statistics.mean.begin(), statistics.mean.end());
      values.insert(values.end(), statistics.deviation.begin(), statistics.deviation.end());
      kept_statistics = keep_weights(backend, std::move(values));
    }
  }

  static constexpr map_extents output_extents(const map_extents& x) {
    require_extent("ngswin: x", "channels", 3, x.extent(3));
    for (std::size_t r = 1; r < 3; ++r)
      if (rounded(x.extent(r)) < smallest)
        heddle::detail::raise<shape_error>("ngswin: x: sides of at least " + std::to_string(smallest - multiple + 1) +
                                           " are needed, got " + std::to_string(x.extent(r)));
    return map_extents(x.extent(0), x.extent(1) * scale, x.extent(2) * scale, 3);
  }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    const map_extents e = level(x, 0, channels);
    return decltype(shallow)::multiply_adds(level(x, 0, 3)) + first_type::multiply_adds(e) +
           second_type::multiply_adds(level(x, 1, 2 * channels)) + third_type::multiply_adds(level(x, 2, 3 * channels)) +
           ngswin_bottleneck<channels>::multiply_adds(e) + decoder_type::multiply_adds(e) +
           decltype(before_shuffle)::multiply_adds(e) + decltype(to_origin)::multiply_adds(enlarged(x));
  }

  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    const auto maps = [&](std::size_t i, std::size_t c) { return heddle::scratch_bytes<float>(level(x, i, c).size()); };
    const map_extents e = level(x, 0, channels);
    std::size_t largest = 0;
    const auto add = [&](std::size_t bytes) { largest = bytes > largest ? bytes : largest; };
    add(decltype(shallow)::scratch_bytes(backend, level(x, 0, 3)));
    add(maps(1, channels) + first_type::scratch_bytes(backend, e));
    add(maps(2, channels) + second_type::scratch_bytes(backend, level(x, 1, 2 * channels)));
    add(third_type::scratch_bytes(backend, level(x, 2, 3 * channels)));
    add(ngswin_bottleneck<channels>::scratch_bytes(backend, e));
    add(decoder_type::scratch_bytes(backend, e));
    add(maps(0, shuffled) + 2 * heddle::scratch_bytes<float>(enlarged(x).size()) +
        larger(decltype(before_shuffle)::scratch_bytes(backend, e), decltype(to_origin)::scratch_bytes(backend, enlarged(x))));
    return 2 * maps(0, 3) + 4 * maps(0, channels) + maps(1, 2 * channels) + maps(1, channels) + maps(2, 3 * channels) +
           maps(2, channels) + largest;
  }

  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    forward(ctx, x, y, ngswin_silence{});
  }
  /// The same; `observe(stage, block, map)` sees the output of every block (stage 3 is the decoder), as block `depth` what a
  /// stage merges, and as stage 4, block 0 what is reconstructed.
  template <class Backend, class Observe>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y, Observe&& observe) const {
    const auto new_map = [&](std::size_t i, std::size_t c) {
      const map_extents e = level(x.extents(), i, c);
      return map_view<float>(ctx.scratch.template take<float>(e.size()), e);
    };
    const map_view<float> padded = new_map(0, 3);
    const map_view<float> normalised = new_map(0, 3);
    const map_view<float> features = new_map(0, channels);
    const map_view<float> output1 = new_map(0, channels);
    const map_view<float> joined = new_map(0, channels);
    const map_view<float> decoded = new_map(0, channels);
    const map_view<float> input2 = new_map(1, 2 * channels);
    const map_view<float> output2 = new_map(1, channels);
    const map_view<float> input3 = new_map(2, 3 * channels);
    const map_view<float> output3 = new_map(2, channels);

    pad(ctx, x, padded, pad_sides{.bottom = padded.extent(1) - x.extent(1), .right = padded.extent(2) - x.extent(2)});
    map(ctx, as_const(as_rows(padded)), mean_row<Backend>(), as_rows(normalised), detail::ngswin_difference{});
    map(ctx, as_const(as_rows(normalised)), deviation_row<Backend>(), as_rows(normalised), detail::ngswin_quotient{});
    heddle::forward(ctx, shallow, normalised, features);

    encode(ctx, 0, first, features, output1, input2, observe);
    encode(ctx, 1, second, input2, output2, input3, observe);
    third.forward(ctx, input3, output3, {}, [&](std::size_t i, map_view<const float> m) { observe(std::size_t{2}, i, m); });
    bottleneck.forward(ctx, features, {map_view<const float>(output1), output2, output3}, joined);
    map(ctx, as_const(as_rows(joined)), as_const(as_rows(output1)), as_rows(joined), heddle::detail::sum{});
    decoder.forward(ctx, joined, decoded, {}, [&](std::size_t i, map_view<const float> m) { observe(std::size_t{3}, i, m); });
    heddle::forward(ctx, norm, decoded, decoded);
    map(ctx, as_const(as_rows(decoded)), as_const(as_rows(features)), as_rows(decoded), heddle::detail::sum{});
    observe(std::size_t{4}, std::size_t{0}, map_view<const float>(decoded));
    reconstruct(ctx, decoded, y);
  }

 private:
  /// Mean and deviation where the backend reads them.
  template <class Backend>
  matrix_view<const float> mean_row() const noexcept {
    return make_matrix<const float>(moves_weights<Backend> ? kept_statistics.data : statistics.mean.data(), 1, 3);
  }
  template <class Backend>
  matrix_view<const float> deviation_row() const noexcept {
    return make_matrix<const float>(moves_weights<Backend> ? kept_statistics.data + 3 : statistics.deviation.data(), 1, 3);
  }

  static constexpr std::size_t larger(std::size_t a, std::size_t b) noexcept { return a > b ? a : b; }
  static constexpr std::size_t rounded(std::size_t side) noexcept { return (side + multiple - 1) / multiple * multiple; }
  /// A map of `c` channels at 1 / 2^i of the padded sides.
  static constexpr map_extents level(const map_extents& x, std::size_t i, std::size_t c) {
    return map_extents(x.extent(0), rounded(x.extent(1)) >> i, rounded(x.extent(2)) >> i, c);
  }
  static constexpr map_extents enlarged(const map_extents& x) {
    return map_extents(x.extent(0), rounded(x.extent(1)) * scale, rounded(x.extent(2)) * scale, 3);
  }

  /// A stage that merges: its input at half the sides and what it merges, side by side, are the input of the next.
  template <class Backend, class Stage, class Observe>
  static void encode(context<Backend> ctx, std::size_t number, const Stage& stage, map_view<const float> x, map_view<float> y,
                     map_view<float> next, Observe&& observe) {
    const map_extents e(next.extent(0), next.extent(1), next.extent(2), channels);
    const map_view<float> merged(ctx.scratch.template take<float>(e.size()), e);
    stage.forward(ctx, x, y, merged, [&](std::size_t i, map_view<const float> m) { observe(number, i, m); });
    observe(number, C.depth[number], map_view<const float>(merged));
    const auto rows = as_rows(next);
    max_pool(ctx, x, column_range(rows, 0, x.extent(3)));
    map(ctx, as_const(as_rows(merged)), column_range(rows, x.extent(3), channels), identity{});
  }

  template <class Backend>
  void reconstruct(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    const map_extents coarse(x.extent(0), x.extent(1), x.extent(2), shuffled);
    const map_extents fine(x.extent(0), x.extent(1) * scale, x.extent(2) * scale, 3);
    const map_view<float> wide(ctx.scratch.template take<float>(coarse.size()), coarse);
    const map_view<float> image(ctx.scratch.template take<float>(fine.size()), fine);
    const map_view<float> result(ctx.scratch.template take<float>(fine.size()), fine);
    before_shuffle.forward(ctx, x, wide);
    pixel_shuffle<scale>(ctx, wide, image);
    to_origin.forward(ctx, image, result);
    if constexpr (prefers_whole_maps<Backend>) {
      each(ctx, y.size(),
           detail::ngswin_shown{result, y, mean_row<Backend>().data_handle(), deviation_row<Backend>().data_handle()});
    } else {
      for (std::size_t b = 0; b < y.extent(0); ++b)
        for (std::size_t row = 0; row < y.extent(1); ++row) {
          const auto out = make_matrix(&y(b, row, 0U, 0U), y.extent(2), 3);
          map(ctx, make_matrix<const float>(&result(b, row, 0U, 0U), y.extent(2), 3), deviation_row<Backend>(), out,
              detail::ngswin_product{});
          map(ctx, as_const(out), mean_row<Backend>(), out, heddle::detail::sum{});
        }
    }
  }
};

using ngswin_x2 = ngswin<ngswin_config{.scale = 2}>;
using ngswin_x3 = ngswin<ngswin_config{.scale = 3}>;
using ngswin_x4 = ngswin<ngswin_config{.scale = 4}>;

static_assert(parameters<ngswin_x2> == 998'384);
static_assert(parameters<ngswin_x3> == 1'007'039);

}  // namespace heddle::examples
