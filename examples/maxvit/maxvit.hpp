/// @file
/// MaxViT: image classification with block and grid attention (Tu et al., ECCV 2022, arXiv 2204.01697), in the style of the
/// official weights ("tf") and in that of the widely used PyTorch port ("rw", "rmlp").
#pragma once

#include <tuple>
#include <utility>

#include "block.hpp"
#include "head.hpp"
#include "heddle/io/key_map.hpp"

namespace heddle::examples {

/// The blocks of one stage: the first halves the map and may change the width, the others keep both.
template <maxvit_config C, std::size_t In, std::size_t Out, std::size_t Depth>
struct maxvit_stage {
  static_assert(Depth > 0, "maxvit: every stage has at least one block");
  using first_type = maxvit_block<C, In, Out, 2>;
  using block_type = maxvit_block<C, Out, Out, 1>;
  static constexpr std::size_t depth = Depth;

  first_type first;
  std::array<block_type, Depth - 1> rest;

  static constexpr std::size_t parameter_count() {
    return parameters<first_type> + (Depth > 1 ? (Depth - 1) * parameters<block_type> : 0);
  }
  template <class Self, class F>
  static void visit_children(Self& self, F&& f) {
    f("blocks.0", self.first);
    for (std::size_t i = 0; i < self.rest.size(); ++i)
      heddle::detail::with_index_name(i + 1, [&](std::string_view name) { f("blocks." + std::string(name), self.rest[i]); });
  }

  static constexpr map_extents output_extents(const map_extents& x) { return heddle::output_extents<first_type>(x); }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    return heddle::multiply_adds<first_type>(x) + (Depth - 1) * heddle::multiply_adds<block_type>(output_extents(x));
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    const std::size_t a = heddle::scratch_bytes<first_type>(backend, x);
    const std::size_t b = heddle::scratch_bytes<block_type>(backend, output_extents(x));
    return a > b ? a : b;
  }
  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    heddle::forward(ctx, first, x, y);
    for (const block_type& b : rest) heddle::forward(ctx, b, y, y);
  }
};

namespace detail {
template <maxvit_config C, class Indices>
struct maxvit_stages;
template <maxvit_config C, std::size_t... I>
struct maxvit_stages<C, std::index_sequence<I...>> {
  using type = std::tuple<maxvit_stage<C, I == 0 ? C.stem[1] : C.channels[I == 0 ? 0 : I - 1], C.channels[I], C.depth[I]>...>;
};
}  // namespace detail

/// The network: `[batch, height, width, 3]`, normalised as its weights want it, to logits `[batch, 1, 1, classes]` (without
/// classes: to what the classifier would read). Every stage's map must be a multiple of the window and the grid, which
/// holds for images of 32 times the window.
template <maxvit_config C>
struct maxvit {
  static_assert(C.stages >= 1 && C.stages <= 8, "maxvit: between 1 and 8 stages");
  static constexpr std::size_t channels = C.channels[C.stages - 1];
  using stem_first_type = convolution<3, C.stem[0], convolution_options{.stride = 2, .padding = C.padding, .bias = C.stem_bias},
                                      batch_norm<C.stem[0], C.batch_norm_epsilon>, maxvit_convolution_activation<C>>;
  using stem_second_type = convolution<C.stem[0], C.stem[1], convolution_options{.padding = C.padding, .bias = C.stem_bias}>;
  using stages_type = typename detail::maxvit_stages<C, std::make_index_sequence<C.stages>>::type;
  using head_type = std::conditional_t<C.head_hidden == 0, maxvit_linear_head<channels, C.classes, C.layer_norm_epsilon>,
                                       maxvit_perceptron_head<channels, C.head_hidden, C.classes, C.layer_norm_epsilon>>;

  stem_first_type stem_first;
  stem_second_type stem_second;
  stages_type stages;
  head_type head;

  static constexpr std::size_t parameter_count() {
    return parameters<stem_first_type> + parameters<stem_second_type> + stage_parameters(std::make_index_sequence<C.stages>{}) +
           parameters<head_type>;
  }
  template <class Self, class F>
  static void visit_children(Self& self, F&& f) {
    f("stem.conv1", self.stem_first);
    f("stem.conv2", self.stem_second);
    std::size_t i = 0;
    const auto visit = [&](auto& stage) {
      heddle::detail::with_index_name(i++, [&](std::string_view name) { f("stages." + std::string(name), stage); });
    };
    std::apply([&](auto&... stage) { (visit(stage), ...); }, self.stages);
    f("", self.head);
  }

  /// From the names of this composition to those of the official PyTorch weights.
  static io::key_map key_map() {
    io::key_map map;
    map.rename("stem.conv1.norm", "stem.norm1");
    const std::string conv = "stages.*.blocks.*.conv.";
    map.rename(conv + "expand.pre_norm", conv + "pre_norm").rename(conv + "expand.norm", conv + "norm1");
    map.rename(conv + "expand", conv + "conv1_1x1").rename(conv + "depthwise.norm", conv + "norm2");
    map.rename(conv + "depthwise", conv + "conv2_kxk")
        .rename(conv + "gate", conv + "se")
        .rename(conv + "project", conv + "conv3_1x1");
    map.rename("stages.*.blocks.*.*.attn.bias.table", "stages.*.blocks.*.*.attn.rel_pos.relative_position_bias_table");
    map.rename("stages.*.blocks.*.*.attn.bias", "stages.*.blocks.*.*.attn.rel_pos.mlp");
    map.ignore("**.num_batches_tracked").ignore("**.rel_pos.relative_position_index").ignore("**.rel_pos.rel_coords_log");
    return map;
  }

  static constexpr map_extents output_extents(const map_extents& x) {
    feature_extents(x);  // throws where the image does not fit
    return map_extents(x.extent(0), 1, 1, head_type::outputs);
  }
  /// Shape of the features that the head reads.
  static constexpr map_extents feature_extents(const map_extents& x) {
    map_extents e = stem_extents(x);
    each_stage_type([&]<class S>(std::type_identity<S>) { e = S::output_extents(e); });
    return e;
  }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    map_extents e = stem_extents(x);
    std::uint64_t sum = stem_first_type::multiply_adds(x) + stem_second_type::multiply_adds(halved(x)) +
                        x.extent(0) * head_type::multiply_adds();
    each_stage_type([&]<class S>(std::type_identity<S>) {
      sum += S::multiply_adds(e);
      e = S::output_extents(e);
    });
    return sum;
  }

  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    return heddle::scratch_bytes<float>(feature_extents(x).size()) + feature_scratch_bytes(backend, x);
  }
  /// Scratch bytes of `forward_features`; enough for `classify` too.
  template <class Backend>
  static constexpr std::size_t feature_scratch_bytes(const Backend& backend, const map_extents& x) {
    map_extents e = stem_extents(x);
    std::size_t largest_child = stem_first_type::scratch_bytes(backend, x);
    const auto add = [&](std::size_t bytes) { largest_child = bytes > largest_child ? bytes : largest_child; };
    add(stem_second_type::scratch_bytes(backend, halved(x)));
    each_stage_type([&]<class S>(std::type_identity<S>) {
      add(S::scratch_bytes(backend, e));
      e = S::output_extents(e);
    });
    add(head_type::scratch_bytes(backend, e));
    return 2 * heddle::scratch_bytes<float>(largest_map(x)) + largest_child;
  }

  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    const map_extents e = feature_extents(x.extents());
    const map_view<float> features(ctx.scratch.template take<float>(e.size()), e);
    forward_features(ctx, x, features);
    classify(ctx, features, y);
  }

  /// The last map, `[batch, height / 2^(stages + 1), width / 2^(stages + 1), channels]`, after the norm where the head begins
  /// with one.
  template <class Backend>
  void forward_features(context<Backend> ctx, map_view<const float> x, map_view<float> features) const {
    forward_features(ctx, x, features, [](std::size_t, map_view<const float>) {});
  }
  /// The same; `observe(i, map)` sees the stem's output as 0 and that of stage `i - 1` as `i`.
  template <class Backend, class Observe>
  void forward_features(context<Backend> ctx, map_view<const float> x, map_view<float> features, Observe&& observe) const {
    const std::size_t n = largest_map(x.extents());
    float* buffers[2] = {ctx.scratch.template take<float>(n), ctx.scratch.template take<float>(n)};
    const map_view<float> half(buffers[0], halved(x.extents()));
    map_view<float> current(buffers[1], stem_extents(x.extents()));
    stem_first.forward(ctx, x, half);
    stem_second.forward(ctx, half, current);
    observe(std::size_t{0}, current);
    std::size_t i = 0;
    const auto step = [&](const auto& stage) {
      const map_extents e = stage.output_extents(current.extents());
      const map_view<float> next = ++i == C.stages ? features : map_view<float>(buffers[(i + 1) % 2], e);
      stage.forward(ctx, current, next);
      observe(i, next);
      current = next;
    };
    std::apply([&](const auto&... stage) { (step(stage), ...); }, stages);
    head.finish_features(ctx, features);
  }

  /// Features to logits.
  template <class Backend>
  void classify(context<Backend> ctx, map_view<const float> features, map_view<float> y) const {
    head.classify(ctx, features, as_rows(y));
  }

 private:
  template <std::size_t... I>
  static constexpr std::size_t stage_parameters(std::index_sequence<I...>) {
    return (parameters<std::tuple_element_t<I, stages_type>> + ...);
  }
  /// `f` with the type of every stage, in order.
  template <class F>
  static constexpr void each_stage_type(F f) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (f(std::type_identity<std::tuple_element_t<I, stages_type>>{}), ...);
    }(std::make_index_sequence<C.stages>{});
  }
  /// After the first convolution of the stem.
  static constexpr map_extents halved(const map_extents& x) { return stem_first_type::output_extents(x); }
  static constexpr map_extents stem_extents(const map_extents& x) { return stem_second_type::output_extents(halved(x)); }
  /// Elements of the largest map between two parts.
  static constexpr std::size_t largest_map(const map_extents& x) {
    map_extents e = stem_extents(x);
    std::size_t largest = e.size() > halved(x).size() ? e.size() : halved(x).size();
    each_stage_type([&]<class S>(std::type_identity<S>) {
      e = S::output_extents(e);
      largest = e.size() > largest ? e.size() : largest;
    });
    return largest;
  }
};

// The counts of the published models, as constants of their types.
static_assert(parameters<maxvit<maxvit_tiny_tf_224>> == 30'916'528);
static_assert(parameters<maxvit<maxvit_small_tf_224>> == 68'927'956);
static_assert(parameters<maxvit<maxvit_base_tf_224>> == 119'467'708);
static_assert(parameters<maxvit<maxvit_tiny_rw_224>> == 29'057'312);
static_assert(parameters<maxvit<maxvit_nano_rw_256>> == 15'451'148);
static_assert(parameters<maxvit<maxvit_rmlp_pico_rw_256>> == 7'515'980);
static_assert(parameters<maxvit<maxvit_rmlp_nano_rw_256>> == 15'501'452);
static_assert(parameters<maxvit<maxvit_rmlp_tiny_rw_256>> == 29'148'896);
static_assert(parameters<maxvit<maxvit_rmlp_small_rw_224>> == 64'895'044);

}  // namespace heddle::examples
