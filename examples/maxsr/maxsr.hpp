/// @file
/// MaxSR: image super-resolution with adaptive block and grid attention (Yang and Wu, arXiv 2307.07240).
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "heddle/io/key_map.hpp"
#include "heddle/layer/encoder_block.hpp"
#include "heddle/layer/mbconv.hpp"
#include "heddle/layer/sequential.hpp"
#include "heddle/primitive/each.hpp"
#include "heddle/primitive/pad.hpp"
#include "heddle/primitive/pixel_shuffle.hpp"

namespace heddle::examples {

/// What the paper's table of variants varies, and the constants around it.
struct maxsr_config {
  std::size_t scale = 2;  ///< 2, 3, 4 or 8
  std::size_t channels = 48;
  std::size_t heads = 4;
  std::size_t stages = 4;
  std::array<std::size_t, 8> depth{2, 2, 2, 2};  ///< blocks of each stage; entries from `stages` on are not used
  std::size_t window = 8;                        ///< side of the window that the bias tables were trained for
  std::size_t expansion = 4;                     ///< of the MBConv
  ratio squeeze{1, 4};                           ///< of the expanded width
  std::size_t feed_forward = 4;                  ///< hidden width of the feed-forward part, in channels
  ratio layer_norm_epsilon{1, 100000};
  ratio batch_norm_epsilon{1, 100000};
};

/// The published configurations.
inline constexpr maxsr_config maxsr_light_config(std::size_t scale) { return maxsr_config{.scale = scale}; }
inline constexpr maxsr_config maxsr_full_config(std::size_t scale) {
  return maxsr_config{.scale = scale, .channels = 128, .depth = {4, 4, 4, 4}};
}

/// Attention without projection biases and a relative position table that follows the window's size.
template <maxsr_config C, class Partition>
using maxsr_attention = self_attention<C.channels, C.heads, Partition, learned_resized_bias<C.window>,
                                       attention_options<self_attention_options{.qkv_bias = false, .projection_bias = false}>>;

template <maxsr_config C, class Partition>
using maxsr_encoder = encoder_block<layer_norm<C.channels, C.layer_norm_epsilon>, maxsr_attention<C, Partition>,
                                    mlp<C.channels, C.channels * C.feed_forward, gelu>>;

template <maxsr_config C>
using maxsr_mbconv = mbconv<C.channels, C.channels,
                            mbconv_options{.expanded = C.channels * C.expansion,
                                           .reduced = C.channels* C.expansion* C.squeeze.numerator / C.squeeze.denominator},
                            gelu, norm_after<C.batch_norm_epsilon>>;

/// The adaptive MaxViT block: convolution, attention inside windows, attention across windows.
template <maxsr_config C>
struct adaptive_max_block : sequential<named<"mbconv", maxsr_mbconv<C>>, named<"block", maxsr_encoder<C, adaptive_block>>,
                                       named<"grid", maxsr_encoder<C, adaptive_grid>>> {};

namespace detail {
/// The part of a configuration that the stages depend on: networks of all scales share their code.
constexpr maxsr_config without_scale(maxsr_config c) {
  c.scale = 0;
  return c;
}

template <maxsr_config C>
inline constexpr maxsr_config maxsr_body = without_scale(C);

template <maxsr_config C, class Indices>
struct maxsr_stages;
template <maxsr_config C, std::size_t... I>
struct maxsr_stages<C, std::index_sequence<I...>> {
  using type = sequential<repeat<C.depth[I], adaptive_max_block<C>>...>;
};
}  // namespace detail

namespace detail {
struct maxsr_difference {
  template <class T>
  HEDDLE_HOST_DEVICE T operator()(T a, T b) const noexcept {
    return a - b;
  }
};

/// One number of the result: the part of a map that belongs to the picture, and the mean.
struct maxsr_shown {
  map_view<const float> image;
  map_view<float> y;
  const float* mean;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    const std::size_t channel = i % 3;
    const std::size_t column = i / 3 % y.extent(2);
    const std::size_t row = i / 3 / y.extent(2) % y.extent(1);
    const std::size_t picture = i / 3 / y.extent(2) / y.extent(1);
    y(picture, row, column, channel) = image(picture, row, column, channel) + mean[channel];
  }
};
}  // namespace detail

/// Everything before the upsampling: one type, and one copy of the code, for all scales.
template <maxsr_config C>
struct maxsr_features {
  static_assert(C.stages >= 1 && C.stages <= 8, "maxsr: between 1 and 8 stages");
  static constexpr std::size_t channels = C.channels;
  using stages_type = typename detail::maxsr_stages<C, std::make_index_sequence<C.stages>>::type;

  convolution<3, channels> stem_first;
  convolution<channels, channels> stem_second;
  stages_type stages;
  pointwise_convolution<channels * C.stages, channels> fusion_gather;
  convolution<channels, channels> fusion_mix;
  std::array<float, 3> mean{0.4488f, 0.4371f, 0.4040f};  ///< of the training pictures, taken from the input
  made_weights kept_mean{};                              ///< `mean` for a device; made by `prepare`

  static constexpr std::size_t parameter_count() {
    return parameters<decltype(stem_first)> + parameters<decltype(stem_second)> + parameters<stages_type> +
           parameters<decltype(fusion_gather)> + parameters<decltype(fusion_mix)>;
  }
  template <class Self, class F>
  HEDDLE_COLD static void visit_children(Self& self, F&& f) {
    f("conv_stem_first", self.stem_first);
    f("conv_stem_second", self.stem_second);
    f("stages", self.stages);
    f("HFFB.0", self.fusion_gather);
    f("HFFB.1", self.fusion_mix);
  }

  template <class Backend>
  HEDDLE_COLD void prepare(const Backend& backend) {
    if constexpr (moves_weights<Backend>) kept_mean = keep_weights(backend, std::vector<float>(mean.begin(), mean.end()));
  }

  /// Channels and sides of what `extract_features` gives.
  static constexpr map_extents output_extents(const map_extents& x) { return padded(x, channels); }

  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    const map_extents e = padded(x, channels);
    return heddle::multiply_adds<convolution<3, channels>>(padded(x, 3)) +
           2 * heddle::multiply_adds<convolution<channels, channels>>(e) + heddle::multiply_adds<stages_type>(e) +
           heddle::multiply_adds<decltype(fusion_gather)>(padded(x, channels * C.stages));
  }

  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    const map_extents e = padded(x, channels);
    std::size_t largest = heddle::scratch_bytes<convolution<3, channels>>(backend, padded(x, 3));
    for (const std::size_t bytes :
         {heddle::scratch_bytes<stages_type>(backend, e), heddle::scratch_bytes<convolution<channels, channels>>(backend, e)})
      largest = bytes > largest ? bytes : largest;
    return heddle::scratch_bytes<float>(padded(x, 3).size()) + (C.stages + 2) * heddle::scratch_bytes<float>(e.size()) +
           largest;
  }

  /// `[batch, h, w, 3]` to `[batch, ceil(sqrt(h))^2, ceil(sqrt(w))^2, channels]`.
  template <class Backend>
  void extract_features(context<Backend> ctx, map_view<const float> x, map_view<float> features) const {
    const map_extents e = features.extents();
    const map_extents image = padded(x.extents(), 3);
    const map_view<float> input(ctx.scratch.template take<float>(image.size()), image);
    pad(ctx, x, input, pad_sides{.bottom = image.extent(1) - x.extent(1), .right = image.extent(2) - x.extent(2)},
        pad_mode::reflect{});
    map(ctx, as_const(as_rows(input)), mean_row<Backend>(), as_rows(input), detail::maxsr_difference{});

    const auto new_map = [&] { return map_view<float>(ctx.scratch.template take<float>(e.size()), e); };
    const map_view<float> shallow = new_map();
    heddle::forward(ctx, stem_first, input, shallow);
    std::array<map_view<float>, C.stages> outputs;
    for (auto& output : outputs) output = new_map();
    heddle::forward(ctx, stem_second, shallow, outputs[0]);
    run_stages(ctx, outputs, std::make_index_sequence<C.stages>{});

    // the concatenation over channels is read where the stages left it
    std::array<row_segment, C.stages> segments;
    for (std::size_t i = 0; i < C.stages; ++i) segments[i] = {outputs[i].data_handle(), channels, channels};
    const map_view<float> fused = new_map();
    gemm(ctx, segmented_rows{heddle::detail::row_count(e), segments}, fusion_gather.prepared, as_rows(fused));
    fusion_mix.forward(ctx, fused, features, as_const(as_rows(shallow)));
  }

 protected:
  /// `mean` where the backend reads it.
  template <class Backend>
  matrix_view<const float> mean_row() const noexcept {
    return make_matrix<const float>(moves_weights<Backend> ? kept_mean.data : mean.data(), 1, 3);
  }
  static constexpr std::size_t squared_root(std::size_t n) {
    const std::size_t root = integer_root_ceil(n);
    return root * root;
  }
  static constexpr map_extents padded(const map_extents& x, std::size_t c) {
    return map_extents(x.extent(0), squared_root(x.extent(1)), squared_root(x.extent(2)), c);
  }

 private:
  template <class Backend, std::size_t... I>
  void run_stages(context<Backend> ctx, const std::array<map_view<float>, C.stages>& outputs, std::index_sequence<I...>) const {
    (heddle::forward(ctx, stages.template get<I>(), outputs[I == 0 ? 0 : I - 1], outputs[I]), ...);
  }
};

/// From the names of this composition to those of the reference implementation's weights.
HEDDLE_COLD inline io::key_map maxsr_key_map() {
  io::key_map map;
  map.rename("stages.*.*.mbconv.expand.norm", "stages.*.*.0.fn.1").rename("stages.*.*.mbconv.expand", "stages.*.*.0.fn.0");
  map.rename("stages.*.*.mbconv.depthwise.norm", "stages.*.*.0.fn.4")
      .rename("stages.*.*.mbconv.depthwise", "stages.*.*.0.fn.3");
  map.rename("stages.*.*.mbconv.gate.fc1", "stages.*.*.0.fn.6.gate.1")
      .rename("stages.*.*.mbconv.gate.fc2", "stages.*.*.0.fn.6.gate.3");
  map.rename("stages.*.*.mbconv.project.norm", "stages.*.*.0.fn.8").rename("stages.*.*.mbconv.project", "stages.*.*.0.fn.7");
  for (const auto& [part, index] : {std::pair<std::string, std::string>{"block", "1"}, {"grid", "2"}}) {
    const std::string from = "stages.*.*." + part;
    const std::string to = "stages.*.*." + index;
    map.rename(from + ".norm1", to + ".1.norm").rename(from + ".norm2", to + ".2.norm");
    map.rename(from + ".attn.qkv", to + ".1.fn.to_qkv").rename(from + ".attn.proj", to + ".1.fn.to_out.0");
    map.rename(from + ".attn.bias.table", to + ".1.fn.rel_pos_bias.weight");
    map.rename(from + ".mlp.fc1", to + ".2.fn.net.0").rename(from + ".mlp.fc2", to + ".2.fn.net.3");
  }
  map.ignore("**.num_batches_tracked");
  return map;
}

/// The network: `[batch, h, w, 3]` in [0, 1] to `[batch, scale * h, scale * w, 3]`, not clamped.
///
/// The picture is reflected at its right and bottom border to sides that are squares, `ceil(sqrt(h))^2`; then every window
/// of side `ceil(sqrt(h))` tiles it exactly.
template <maxsr_config C>
struct maxsr : maxsr_features<detail::maxsr_body<C>> {
  static_assert(C.scale == 2 || C.scale == 3 || C.scale == 4 || C.scale == 8, "maxsr: the scale must be 2, 3, 4 or 8");
  using features_type = maxsr_features<detail::maxsr_body<C>>;
  static constexpr std::size_t channels = C.channels;
  static constexpr std::size_t scale = C.scale;
  static constexpr std::size_t shuffle = scale == 3 ? 3 : 2;  ///< factor of one upsampling step
  static constexpr std::size_t steps = scale == 8 ? 3 : scale == 4 ? 2 : 1;
  using upsample_type = convolution<channels, channels * shuffle * shuffle>;

  std::array<upsample_type, steps> upsample;
  convolution<channels, 3> last;

  static constexpr std::size_t parameter_count() {
    return parameters<features_type> + steps * parameters<upsample_type> + parameters<decltype(last)>;
  }
  template <class Self, class F>
  HEDDLE_COLD static void visit_children(Self& self, F&& f) {
    features_type::visit_children(
        static_cast<std::conditional_t<std::is_const_v<Self>, const features_type, features_type>&>(self), f);
    constexpr std::string_view names[] = {"Upsample.0", "Upsample.2", "Upsample.4"};
    for (std::size_t i = 0; i < steps; ++i) f(names[i], self.upsample[i]);
    f("conv_last", self.last);
  }

  static io::key_map key_map() { return maxsr_key_map(); }

  static constexpr map_extents output_extents(const map_extents& x) {
    require_extent("maxsr: x", "channels", 3, x.extent(3));
    return map_extents(x.extent(0), x.extent(1) * scale, x.extent(2) * scale, 3);
  }

  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    std::uint64_t sum = features_type::multiply_adds(x);
    for (std::size_t i = 0, s = 1; i < steps; ++i, s *= shuffle)
      sum += heddle::multiply_adds<upsample_type>(enlarged(x, s, channels));
    return sum + heddle::multiply_adds<convolution<channels, 3>>(enlarged(x, scale, channels));
  }

  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    const std::size_t body = features_type::scratch_bytes(backend, x);
    std::size_t tail = heddle::scratch_bytes<float>(enlarged(x, scale, 3).size()) +
                       heddle::scratch_bytes<convolution<channels, 3>>(backend, enlarged(x, scale, channels));
    std::size_t convolutions = 0;
    for (std::size_t i = 0, s = 1; i < steps; ++i, s *= shuffle) {
      tail += heddle::scratch_bytes<float>(enlarged(x, s * shuffle, channels).size());
      const std::size_t step = heddle::scratch_bytes<float>(enlarged(x, s, channels * shuffle * shuffle).size()) +
                               heddle::scratch_bytes<upsample_type>(backend, enlarged(x, s, channels));
      convolutions = step > convolutions ? step : convolutions;
    }
    return heddle::scratch_bytes<float>(features_type::output_extents(x).size()) +
           (body > tail + convolutions ? body : tail + convolutions);
  }

  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    const map_extents e = features_type::output_extents(x.extents());
    const map_view<float> features(ctx.scratch.template take<float>(e.size()), e);
    this->extract_features(ctx, x, features);
    reconstruct(ctx, features, y);
  }

 private:
  static constexpr map_extents enlarged(const map_extents& x, std::size_t factor, std::size_t c) {
    const map_extents e = features_type::padded(x, c);
    return map_extents(e.extent(0), e.extent(1) * factor, e.extent(2) * factor, c);
  }

  /// Upsampling, the last convolution, and the part of the result that belongs to the picture.
  template <class Backend>
  void reconstruct(context<Backend> ctx, map_view<float> features, map_view<float> y) const {
    const map_extents large(y.extent(0), features.extent(1) * scale, features.extent(2) * scale, 3);
    const map_view<float> image(ctx.scratch.template take<float>(large.size()), large);
    std::array<map_view<float>, steps> stages_out;
    for (std::size_t i = 0, s = shuffle; i < steps; ++i, s *= shuffle) {
      const map_extents e(y.extent(0), features.extent(1) * s, features.extent(2) * s, channels);
      stages_out[i] = map_view<float>(ctx.scratch.template take<float>(e.size()), e);
    }
    map_view<const float> current = features;
    for (std::size_t i = 0; i < steps; ++i) {
      enlarge(ctx, upsample[i], current, stages_out[i]);
      current = stages_out[i];
    }
    last.forward(ctx, current, image);
    if constexpr (prefers_whole_maps<Backend>) {
      each(ctx, y.size(), detail::maxsr_shown{image, y, this->template mean_row<Backend>().data_handle()});
    } else {
      for (std::size_t b = 0; b < y.extent(0); ++b)
        for (std::size_t row = 0; row < y.extent(1); ++row)
          map(ctx, make_matrix<const float>(&image(b, row, 0u, 0u), y.extent(2), 3), this->template mean_row<Backend>(),
              make_matrix(&y(b, row, 0u, 0u), y.extent(2), 3), heddle::detail::sum{});
    }
  }

  template <class Backend>
  static void enlarge(context<Backend> ctx, const upsample_type& step, map_view<const float> x, map_view<float> y) {
    const map_extents e(x.extent(0), x.extent(1), x.extent(2), channels * shuffle * shuffle);
    const map_view<float> wide(ctx.scratch.template take<float>(e.size()), e);
    heddle::forward(ctx, step, x, wide);
    pixel_shuffle<shuffle>(ctx, wide, y);
  }
};

template <std::size_t Scale>
using maxsr_light = maxsr<maxsr_light_config(Scale)>;
template <std::size_t Scale>
using maxsr_full = maxsr<maxsr_full_config(Scale)>;

static_assert(parameters<maxsr_light<2>> == 919'395);
static_assert(parameters<maxsr_light<3>> == 1'023'315);
static_assert(parameters<maxsr_light<4>> == 1'002'531);
static_assert(parameters<maxsr_full<2>> == 11'638'659);
static_assert(parameters<maxsr_full<3>> == 12'376'579);
static_assert(parameters<maxsr_full<4>> == 12'228'995);

}  // namespace heddle::examples
