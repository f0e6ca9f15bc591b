/// @file
/// Inverted bottleneck with squeeze-and-excitation (MBConv).
#pragma once

#include "squeeze_excite.hpp"

namespace heddle::inline v0 {

/// Where an MBConv has its batch norms: after every convolution (MaxSR, EfficientNet).
template <ratio Epsilon = ratio{1, 100000}>
struct norm_after {
  template <std::size_t C>
  using first = no_norm;
  template <std::size_t C>
  using inner = batch_norm<C, Epsilon>;
  template <std::size_t C>
  using last = batch_norm<C, Epsilon>;
};

/// Where an MBConv has its batch norms: one before the first convolution, none after the last (MaxViT).
template <ratio Epsilon = ratio{1, 100000}>
struct norm_before {
  template <std::size_t C>
  using first = batch_norm<C, Epsilon>;
  template <std::size_t C>
  using inner = batch_norm<C, Epsilon>;
  template <std::size_t C>
  using last = no_norm;
};

/// Shortcut of a block that keeps the shape: the input itself.
struct identity_shortcut {};

/// Shortcut of a block that halves the map: mean of 2 x 2 positions, then, where the width changes, a convolution of
/// size 1. Child: `expand`.
template <std::size_t In, std::size_t Out, bool Bias, padding_rule Padding = padding_rule::none>
struct pooled_shortcut {
  static constexpr bool projects = In != Out;
  using pool_type =
      convolution<In, In, convolution_options{.size = 2, .stride = 2, .padding = Padding, .bias = false, .depthwise = true}>;
  using expand_type = std::conditional_t<projects, pointwise_convolution<In, Out, Bias>, no_norm>;

  [[no_unique_address]] expand_type expand;
  dense_weight quarters;  ///< the pool as a depthwise convolution with weights 1/4

  static constexpr auto members() { return heddle::members<&pooled_shortcut::expand>("expand"); }
  static constexpr map_extents output_extents(const map_extents& x) {
    const map_extents pooled = pool_type::output_extents(x);
    return map_extents(pooled.extent(0), pooled.extent(1), pooled.extent(2), Out);
  }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    if constexpr (projects) return expand_type::multiply_adds(pool_type::output_extents(x));
    return 0;
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend&, const map_extents& x) {
    return projects ? heddle::scratch_bytes<float>(pool_type::output_extents(x).size()) : 0;
  }

  template <class Backend>
  HEDDLE_COLD void prepare(const Backend& backend) {
    const std::vector<float> weights(In * 4, 0.25f);
    quarters = prepare_depthwise(backend, make_matrix(weights.data(), In, 4));
  }
  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    const map_extents pooled = pool_type::output_extents(x.extents());
    const map_view<float> t(projects ? ctx.scratch.template take<float>(pooled.size()) : y.data_handle(), pooled);
    convolve_depthwise(ctx, x, quarters, pool_type::window(x.extent(1), x.extent(2)), t);
    if constexpr (projects) expand.forward(ctx, t, y);
  }
};

/// Options of `mbconv`.
struct mbconv_options {
  std::size_t expanded = 0;  ///< channels between the convolutions
  std::size_t reduced = 0;   ///< channels inside squeeze-and-excitation
  std::size_t stride = 1;    ///< of the depthwise convolution
  bool inner_bias = true;    ///< of the first two convolutions
  bool output_bias = true;   ///< of the last convolution
  padding_rule padding = padding_rule::symmetric;
  squeeze_excite_options gate{};
  std::size_t size = 3;  ///< rows and columns of the depthwise window
};

/// `y = Shortcut(x) + conv1x1(gate * z)`, `z = act(norm(depthwise(act(norm(conv1x1(norm(x)))))))` with the gate of
/// squeeze-and-excitation on `z` (Sandler et al., arXiv 1801.04381; Tan and Le, arXiv 1905.11946). The expanded map exists
/// only in bands of a few rows; `z` is stored once; the gate is folded into the last product's weight.
///
/// Children: `expand`, `depthwise`, `gate`, `project`, `shortcut`. `Norms` is `norm_after` or `norm_before`.
template <std::size_t In, std::size_t Out, mbconv_options Options, class Activation = gelu, class Norms = norm_after<>,
          class Shortcut = identity_shortcut, class GateActivation = silu>
struct mbconv {
  static_assert(!std::is_same_v<Shortcut, identity_shortcut> || (In == Out && Options.stride == 1),
                "heddle::mbconv: identity_shortcut needs as many output as input channels and stride 1");
  static constexpr std::size_t expanded = Options.expanded;
  using expand_type = pointwise_convolution<In, expanded, Options.inner_bias, typename Norms::template inner<expanded>,
                                            Activation, typename Norms::template first<In>>;
  using depthwise_type = convolution<expanded, expanded,
                                     convolution_options{.size = Options.size,
                                                         .stride = Options.stride,
                                                         .padding = Options.padding,
                                                         .bias = Options.inner_bias,
                                                         .depthwise = true},
                                     typename Norms::template inner<expanded>, Activation>;
  using gate_type = squeeze_excite<expanded, Options.reduced, Options.gate, GateActivation>;
  using project_type = pointwise_convolution<expanded, Out, Options.output_bias, typename Norms::template last<Out>>;

  expand_type expand;
  depthwise_type depthwise;
  gate_type gate;
  project_type project;
  [[no_unique_address]] Shortcut shortcut;

  static constexpr bool has_identity = std::is_same_v<Shortcut, identity_shortcut>;
  static constexpr bool in_place = has_identity;

  static constexpr auto members() {
    return heddle::members<&mbconv::expand, &mbconv::depthwise, &mbconv::gate, &mbconv::project, &mbconv::shortcut>(
        "expand", "depthwise", "gate", "project", "shortcut");
  }

  static constexpr map_extents output_extents(const map_extents& x) {
    require_extent("mbconv: x", "channels", In, x.extent(3));
    const map_extents z = expanded_output(x);
    return map_extents(z.extent(0), z.extent(1), z.extent(2), Out);
  }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    const map_extents wide(x.extent(0), x.extent(1), x.extent(2), expanded);
    const std::uint64_t own = expand_type::multiply_adds(x) + depthwise_type::multiply_adds(wide) +
                              project_type::multiply_adds(expanded_output(x)) + x.extent(0) * gate_type::multiply_adds();
    if constexpr (has_identity) {
      return own;
    } else {
      return own + Shortcut::multiply_adds(x);
    }
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    if constexpr (prefers_whole_maps<Backend>) return whole_bytes(backend, x);
    const map_extents z = expanded_output(x);
    const std::size_t bands = for_each_bytes(backend, band_bytes(x));
    const std::size_t rest = heddle::scratch_bytes<float>(scaled_weight_size(backend, Out, expanded)) +
                             heddle::scratch_bytes<float>(expanded) + gate_type::scratch_bytes();
    std::size_t bytes = heddle::scratch_bytes<float>(z.extent(1) * z.extent(2) * expanded) +
                        heddle::scratch_bytes<float>(z.extent(1) * expanded) + (bands > rest ? bands : rest);
    if constexpr (!has_identity) {
      const std::size_t pooled = Shortcut::scratch_bytes(backend, x);
      if (pooled > bytes) bytes = pooled;
    }
    return bytes;
  }

  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    if constexpr (!has_identity) shortcut.forward(ctx, x, y);
    if constexpr (prefers_whole_maps<Backend>) {
      forward_whole(ctx, x, y);
    } else {
      for (std::size_t image = 0; image < x.extent(0); ++image) forward_image(ctx, image_of(x, image), image_of(y, image));
    }
  }

 private:
  static constexpr map_extents expanded_output(const map_extents& x) {
    return depthwise_type::output_extents(map_extents(x.extent(0), x.extent(1), x.extent(2), expanded));
  }

  template <class T>
  static map_view<T> image_of(const map_view<T>& m, std::size_t image) {
    const std::size_t elements = m.extent(1) * m.extent(2) * m.extent(3);
    return map_view<T>(m.data_handle() + image * elements, map_extents(1, m.extent(1), m.extent(2), m.extent(3)));
  }

  /// Output rows of a band: its expanded input should stay in the second-level cache.
  static constexpr std::size_t band_rows(const map_extents& x) {
    constexpr std::size_t target = std::size_t{512} << 10;
    const std::size_t row = x.extent(2) * expanded * sizeof(float) * Options.stride;
    const std::size_t fitting = row == 0 ? 1 : target / row;
    return fitting < 3 ? 1 : (fitting > 18 ? 16 : fitting - 2);
  }
  static constexpr std::size_t band_bytes(const map_extents& x) {
    return heddle::scratch_bytes<float>(((band_rows(x) - 1) * Options.stride + Options.size) * x.extent(2) * expanded);
  }

  template <class Backend>
  void forward_image(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    const map_extents ze = expanded_output(x.extents());
    const std::size_t rows = ze.extent(1);
    const map_view<float> z(ctx.scratch.template take<float>(ze.size()), ze);
    const auto row_means = make_matrix(ctx.scratch.template take<float>(rows * expanded), rows, expanded);
    expand_and_filter(ctx, x, z, row_means);

    const std::span<float> mean(ctx.scratch.template take<float>(expanded), expanded);
    mean_rows(ctx, as_const(row_means), mean);
    gate.gate(ctx, mean, mean);
    float* const storage = ctx.scratch.template take<float>(scaled_weight_size(ctx.backend, Out, expanded));
    const dense_weight gated = scale_inputs(ctx.backend, project.prepared, mean, storage);
    const matrix_view<const float> base = has_identity ? as_rows(x) : as_const(as_rows(y));
    gemm(ctx, as_const(as_rows(z)), gated, as_rows(y), identity{}, base);
  }

  template <class Backend>
  static constexpr std::size_t whole_bytes(const Backend& backend, const map_extents& x) {
    const map_extents z = expanded_output(x);
    const std::size_t wide = heddle::scratch_bytes<float>(x.extent(0) * x.extent(1) * x.extent(2) * expanded);
    const std::size_t rest = heddle::scratch_bytes<float>(x.extent(0) * expanded) + gate_type::scratch_bytes(x.extent(0)) +
                             heddle::scratch_bytes<float>(scaled_weight_size(backend, Out, expanded));
    std::size_t bytes = heddle::scratch_bytes<float>(z.size()) + (wide > rest ? wide : rest);
    if constexpr (!has_identity) {
      const std::size_t pooled = Shortcut::scratch_bytes(backend, x);
      if (pooled > bytes) bytes = pooled;
    }
    return bytes;
  }

  /// Every step over all images at once, but for the last product, whose weight carries the gate of one image.
  template <class Backend>
  void forward_whole(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    const std::size_t images = x.extent(0);
    const map_extents ze = expanded_output(x.extents());
    const std::size_t pixels = ze.extent(1) * ze.extent(2);
    const map_view<float> z(ctx.scratch.template take<float>(ze.size()), ze);
    filter_whole(ctx, x, z);
    const auto means = make_matrix(ctx.scratch.template take<float>(images * expanded), images, expanded);
    for (std::size_t i = 0; i < images; ++i)
      mean_rows(ctx, as_const(row_range(as_rows(z), i * pixels, pixels)),
                std::span<float>(means.data_handle() + i * expanded, expanded));
    gate.gates(ctx, as_const(means), means);
    float* const storage = ctx.scratch.template take<float>(scaled_weight_size(ctx.backend, Out, expanded));
    for (std::size_t i = 0; i < images; ++i) {
      const dense_weight gated = scale_inputs(ctx.backend, project.prepared,
                                              std::span<const float>(means.data_handle() + i * expanded, expanded), storage);
      const matrix_view<float> to = row_range(as_rows(y), i * pixels, pixels);
      const matrix_view<const float> base = has_identity ? row_range(as_rows(x), i * pixels, pixels) : as_const(to);
      gemm(ctx, as_const(row_range(as_rows(z), i * pixels, pixels)), gated, to, identity{}, base);
    }
  }

  /// First two convolutions. Takes its context by value: the expanded map is given back.
  template <class Backend>
  void filter_whole(context<Backend> ctx, map_view<const float> x, map_view<float> z) const {
    const map_extents e(x.extent(0), x.extent(1), x.extent(2), expanded);
    const map_view<float> wide(ctx.scratch.template take<float>(e.size()), e);
    gemm(ctx, as_rows(x), expand.prepared, as_rows(wide), Activation{});
    convolve_depthwise(ctx, wide, depthwise.prepared, depthwise_type::window(x.extent(1), x.extent(2)), z, Activation{});
  }

  /// First two convolutions, band by band; also the mean of every row of `z`.
  template <class Backend>
  void expand_and_filter(context<Backend> ctx, map_view<const float> x, map_view<float> z, matrix_view<float> row_means) const {
    const std::size_t rows = z.extent(1);
    const std::size_t step = band_rows(x.extents());
    const std::size_t width = x.extent(2);
    const convolution_window whole = depthwise_type::window(x.extent(1), width);
    ctx.for_each((rows + step - 1) / step, band_bytes(x.extents()), [&](auto worker, std::size_t band) {
      const std::size_t first = band * step;
      const std::size_t count = rows - first < step ? rows - first : step;
      // input rows [begin, end) of the band; rows outside the map are the window's zero padding
      const std::size_t wanted_begin = first * Options.stride;
      const std::size_t wanted_end = (first + count - 1) * Options.stride + Options.size;
      const std::size_t begin = wanted_begin > whole.top ? wanted_begin - whole.top : 0;
      const std::size_t end = wanted_end - whole.top < x.extent(1) ? wanted_end - whole.top : x.extent(1);
      convolution_window window = whole;
      window.top = wanted_begin < whole.top ? whole.top - wanted_begin : 0;
      window.bottom = wanted_end - whole.top > x.extent(1) ? wanted_end - whole.top - x.extent(1) : 0;

      const map_view<float> wide(worker.scratch.template take<float>((end - begin) * width * expanded),
                                 map_extents(1, end - begin, width, expanded));
      gemm(worker, row_range(as_rows(x), begin * width, (end - begin) * width), expand.prepared, as_rows(wide), Activation{});
      const map_view<float> part(z.data_handle() + first * z.extent(2) * expanded,
                                 map_extents(1, count, z.extent(2), expanded));
      convolve_depthwise(worker, wide, depthwise.prepared, window, part, Activation{});
      for (std::size_t r = 0; r < count; ++r)
        mean_rows(worker, as_const(row_range(as_rows(z), (first + r) * z.extent(2), z.extent(2))),
                  std::span<float>(row_means.data_handle() + (first + r) * expanded, expanded));
    });
  }
};

}  // namespace heddle::inline v0
