/// @file
/// Multi-head self-attention as a layer: projections around a composition of attention policies.
#pragma once

#include <tuple>
#include <type_traits>

#include "../attention/attention.hpp"
#include "../primitive/attend.hpp"
#include "linear.hpp"
#include "qkv_linear.hpp"

namespace heddle::inline v0 {

/// Options of `self_attention`, given among its policies as `attention_options<self_attention_options{...}>`.
struct self_attention_options {
  bool qkv_bias = true;
  bool projection_bias = true;
  qkv_order order = qkv_order::qkv_heads;  ///< order of the rows of the fused projection in the file
  bool key_bias = true;                    ///< without: a `qkv_linear`, whose keys have none
  std::size_t head_dim = 0;                ///< channels of a head; 0: those of the map divided by the heads
  std::size_t clip = 1;                    ///< frames that attend together: so many images of the map that follow each other
  precision products = precision::f32;     ///< of projections, scores and values; queries, keys and values are stored so
};

/// Carries `self_attention_options` in a policy list.
template <self_attention_options Options>
struct attention_options {
  static constexpr self_attention_options value = Options;
};

/// A score modifier with trained weights. A layer stores `weights<Heads>` (a module) and puts `weights.policy()` into its
/// composition. Relative position table of a window of `W` x `W` that is resized to the window in use (MaxSR). Child:
/// `table` `[(2 W - 1)^2, Heads]`.
template <std::size_t W>
struct learned_resized_bias {
  template <std::size_t Heads>
  struct weights {
    using policy_type = resized_position_bias<W>;
    parameter<(2 * W - 1) * (2 * W - 1), Heads> table;
    static constexpr auto members() { return heddle::members<&weights::table>("table"); }
    policy_type policy() const noexcept { return policy_type{.table = table.data(), .heads = Heads}; }
  };
};

/// Relative position table of a window of `H` x `W` (Liu et al., arXiv 2103.14030, section 3.2). Child: `table`,
/// `[(2 H - 1)(2 W - 1), Heads]`, or `[Heads, 2 H - 1, 2 W - 1]` for `table_layout::key_minus_query`.
template <std::size_t H, std::size_t W = H, table_layout Layout = table_layout::flat>
struct learned_position_bias {
  template <std::size_t Heads>
  struct weights {
    using policy_type = relative_position_bias<H, W, Layout>;
    using table_type = std::conditional_t<Layout == table_layout::flat, parameter<(2 * H - 1) * (2 * W - 1), Heads>,
                                          parameter<Heads, 2 * H - 1, 2 * W - 1>>;
    table_type table;
    static constexpr auto members() { return heddle::members<&weights::table>("table"); }
    policy_type policy() const noexcept { return policy_type{.table = table.data(), .heads = Heads}; }
  };
};

/// Bias from the logarithm of relative coordinates by a two-layer perceptron (Liu et al., arXiv 2111.09883, equation 4, in
/// the form of MaxViT-rmlp). Children: `fc1` (`weight` `[Hidden, 2]`, `bias`), `fc2` (`weight` `[Heads, Hidden]`, `bias`).
template <std::size_t Hidden>
struct learned_log_bias {
  template <std::size_t Heads>
  struct weights {
    using policy_type = log_coordinate_bias;
    parameter<Hidden, 2> weight1;
    parameter<Hidden> bias1;
    parameter<Heads, Hidden> weight2;
    parameter<Heads> bias2;
    static constexpr auto members() {
      return heddle::members<&weights::weight1, &weights::bias1, &weights::weight2, &weights::bias2>("fc1.weight", "fc1.bias",
                                                                                                     "fc2.weight", "fc2.bias");
    }
    policy_type policy() const noexcept {
      return policy_type{.hidden = Hidden,
                         .heads = Heads,
                         .weight1 = weight1.data(),
                         .bias1 = bias1.data(),
                         .weight2 = weight2.data(),
                         .bias2 = bias2.data()};
    }
  };
};

namespace detail {

struct no_weights {};

/// What a policy argument of a layer contributes: options, trained weights, and policies of the composition.
template <class P, std::size_t Heads>
struct layer_policy {
  using list = std::tuple<P>;
  using weights = std::tuple<>;
  using options = std::tuple<>;
};
template <self_attention_options Options, std::size_t Heads>
struct layer_policy<attention_options<Options>, Heads> {
  using list = std::tuple<>;
  using weights = std::tuple<>;
  using options = std::tuple<attention_options<Options>>;
};
/// The policies that trained weights stand for: one `policy_type`, or a tuple `policy_types` of several.
template <class Weights>
struct policies_of_weights {
  using type = std::tuple<typename Weights::policy_type>;
};
template <class Weights>
  requires requires { typename Weights::policy_types; }
struct policies_of_weights<Weights> {
  using type = typename Weights::policy_types;
};
template <class P, std::size_t Heads>
  requires requires { typename P::template weights<Heads>; }
struct layer_policy<P, Heads> {
  using list = typename policies_of_weights<typename P::template weights<Heads>>::type;
  using weights = std::tuple<typename P::template weights<Heads>>;
  using options = std::tuple<>;
};

template <class... Tuples>
using concatenated = decltype(std::tuple_cat(std::declval<Tuples>()...));

template <class>
struct composition_of;
template <class... Ps>
struct composition_of<std::tuple<Ps...>> {
  using type = attention<Ps...>;
};

template <class Tuple, class Default>
struct first_or {
  using type = Default;
};
template <class First, class... Rest, class Default>
struct first_or<std::tuple<First, Rest...>, Default> {
  static_assert(sizeof...(Rest) == 0,
                "heddle::self_attention: at most one attention_options and one policy with trained weights");
  using type = First;
};

}  // namespace detail

/// Multi-head self-attention: `y = W_o attend(x W_q, x W_k, x W_v) + b_o` for the groups, masks and scores of `Policies`.
///
/// `Policies` are attention policies in any order (`block<8>`, `causal<>`, a user's), at most one with trained weights
/// (`learned_resized_bias<8>`), and optionally `attention_options<...>`. Children: `qkv` (`[3 inner, C]`), `proj` (`[C, inner]`),
/// `bias` (the trained weights of a policy, if any); `inner` is `C` unless the options give heads a size of their own.
template <std::size_t C, std::size_t Heads, class... Policies>
struct self_attention {
  static constexpr std::size_t channels = C;
  static constexpr std::size_t heads = Heads;

  using composition_type = typename detail::composition_of<
      detail::concatenated<std::tuple<>, typename detail::layer_policy<Policies, Heads>::list...>>::type;
  using weights_type =
      typename detail::first_or<detail::concatenated<std::tuple<>, typename detail::layer_policy<Policies, Heads>::weights...>,
                                detail::no_weights>::type;
  using options_type =
      typename detail::first_or<detail::concatenated<std::tuple<>, typename detail::layer_policy<Policies, Heads>::options...>,
                                attention_options<self_attention_options{}>>::type;
  static constexpr self_attention_options options = options_type::value;

  static_assert(Heads > 0 && (options.head_dim != 0 || C % Heads == 0),
                "heddle::self_attention: channels must be divisible by heads");
  static constexpr std::size_t head_dim = options.head_dim != 0 ? options.head_dim : C / Heads;
  static constexpr std::size_t inner = Heads * head_dim;  ///< channels of all heads

  using qkv_type =
      std::conditional_t<options.qkv_bias && !options.key_bias, qkv_linear<C, inner, options.products>,
                         linear<C, 3 * inner, linear_options{.bias = options.qkv_bias, .products = options.products}>>;
  using proj_type = linear<inner, C, linear_options{.bias = options.projection_bias, .products = options.products}>;
  using element = detail::product_element<options.products>;  ///< of queries, keys, values and merged heads

  qkv_type qkv;
  proj_type proj;
  [[no_unique_address]] weights_type bias;
  [[no_unique_address]] composition_type composition;

  static constexpr auto members() {
    return heddle::members<&self_attention::qkv, &self_attention::proj, &self_attention::bias>("qkv", "proj", "bias");
  }

  static constexpr map_extents output_extents(const map_extents& x) {
    require_extent("self_attention: x", "channels", C, x.extent(3));
    require_extent("self_attention: x", "images, whole clips of frames,", clips(x) * options.clip, x.extent(0));
    return x;
  }
  static constexpr token_grid grid_of(const map_extents& x) noexcept {
    return token_grid{.frames = options.clip, .height = x.extent(1), .width = x.extent(2)};
  }
  /// Independent problems: images, or clips of them.
  static constexpr std::size_t clips(const map_extents& x) noexcept { return x.extent(0) / options.clip; }
  /// Projections, and two products of `group_size` keys for every token.
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    const auto map = composition_type{}.partition().map(grid_of(x));
    const std::uint64_t pairs = std::uint64_t{map.groups()} * map.group_size() * map.group_size();
    return std::uint64_t{detail::row_count(x)} * 4 * C * inner + 2 * pairs * inner * clips(x);
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    return plan_bytes(composition_type{}, grid_of(x), Heads) +
           rows_bytes(backend, detail::row_count(x), attend_bytes<element>(backend, composition_type{}, grid_of(x), head_dim));
  }

  template <class Backend>
  void prepare(const Backend&) {
    if constexpr (requires { bias.policies(); }) {
      std::apply([&](const auto&... p) { ((get_policy<std::remove_cvref_t<decltype(p)>>(composition) = p), ...); },
                 bias.policies());
    } else if constexpr (!std::is_same_v<weights_type, detail::no_weights>) {
      get_policy<typename weights_type::policy_type>(composition) = bias.policy();
    }
  }

  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    forward_projected(ctx, x.extents(), as_rows(x), as_rows(y), false);
  }

  /// Attention of the rows of a map, all steps over all rows; `accumulate` adds to `y`.
  template <class Backend>
  void forward_projected(context<Backend> ctx, const map_extents& e, matrix_view<const float> x, matrix_view<float> y,
                         bool accumulate) const {
    const std::size_t rows = detail::row_count(e);
    const std::size_t tokens = grid_of(e).size();
    const auto plan = plan_attention(composition, grid_of(e), Heads, ctx.scratch);
    const auto projection = make_matrix(ctx.scratch.template take<element>(rows * 3 * inner), rows, 3 * inner);
    const auto merged = make_matrix(ctx.scratch.template take<element>(rows * inner), rows, inner);
    qkv.forward_rows(ctx, x, projection);
    const auto views = qkv_views<head_dim>(projection.data_handle(), clips(e), tokens, Heads, options.order);
    attend(ctx, plan, views.q, views.k, views.v, merged_heads<head_dim>(merged.data_handle(), clips(e), tokens, Heads));
    if (accumulate) {
      proj.accumulate_rows(ctx, merged, y);
    } else {
      proj.forward_rows(ctx, merged, y);
    }
  }

  /// Attention of one group on its own rows `[group_size, C]`: `y += W_o attend(...)`.
  template <class Backend, class Plan>
  void accumulate_group(context<Backend> ctx, const Plan& plan, std::size_t image, std::size_t group,
                        matrix_view<const float> x, matrix_view<float> y) const {
    const auto merged = attend_rows(ctx, plan, image, group, x);  // first: it takes scratch
    proj.accumulate_rows(ctx, merged, y);
  }
  /// The same without the sum: `y = W_o attend(...)`; `y` may be `x`.
  template <class Backend, class Plan>
  void forward_group(context<Backend> ctx, const Plan& plan, std::size_t image, std::size_t group, matrix_view<const float> x,
                     matrix_view<float> y) const {
    const auto merged = attend_rows(ctx, plan, image, group, x);
    proj.forward_rows(ctx, merged, y);
  }
  template <class Backend>
  static constexpr std::size_t group_bytes(const Backend& backend, const token_grid& grid, std::size_t rows) {
    return rows_bytes(backend, rows, attend_group_bytes<element>(backend, composition_type{}, grid, head_dim));
  }

 private:
  /// Projections and merged heads of `rows` rows, and the larger one of what attention and the products take.
  template <class Backend>
  static constexpr std::size_t rows_bytes(const Backend& backend, std::size_t rows, std::size_t attention) {
    const std::size_t first = qkv_type::row_scratch_bytes(backend, rows);
    const std::size_t second = proj_type::row_scratch_bytes(backend, rows);
    const std::size_t products = first > second ? first : second;
    return heddle::scratch_bytes<element>(rows * 3 * inner) + heddle::scratch_bytes<element>(rows * inner) +
           (attention > products ? attention : products);
  }

  /// The heads' outputs for the rows of one group, in scratch that `ctx` keeps until its owner lets it go.
  template <class Backend, class Plan>
  matrix_view<element> attend_rows(context<Backend>& ctx, const Plan& plan, std::size_t image, std::size_t group,
                                   matrix_view<const float> x) const {
    const std::size_t rows = x.extent(0);
    const auto projection = make_matrix(ctx.scratch.template take<element>(rows * 3 * inner), rows, 3 * inner);
    const auto merged = make_matrix(ctx.scratch.template take<element>(rows * inner), rows, inner);
    qkv.forward_rows(ctx, x, projection);
    const auto views = qkv_views<head_dim>(projection.data_handle(), 1, rows, Heads, options.order);
    attend_group(ctx, plan, image, group, views.q, views.k, views.v,
                 merged_heads<head_dim>(merged.data_handle(), 1, rows, Heads));
    return merged;
  }
};

}  // namespace heddle::inline v0
