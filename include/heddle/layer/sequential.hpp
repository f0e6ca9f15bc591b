/// @file
/// Containers: `sequential` of named children, `repeat` of one kind.
#pragma once

#include <array>
#include <charconv>
#include <tuple>

#include "../core/fixed_string.hpp"
#include "../model/module.hpp"

namespace heddle::inline v0 {

/// Gives a child of `sequential` its name: `named<"mbconv", mbconv<...>>`. An unnamed child is called by its position.
template <fixed_string Name, class M>
struct named {
  using named_type = M;
  static constexpr std::string_view name = Name.view();
};

namespace detail {

template <class T>
struct child_of {
  using type = T;
  static constexpr std::string_view name{};
};
// Not a specialisation for named<Name, M>: nvcc does not deduce a string.
template <class T>
  requires requires { typename T::named_type; }
struct child_of<T> {
  using type = typename T::named_type;
  static constexpr std::string_view name = T::name;
};

/// Calls `f` with the decimal digits of `i`.
template <class F>
HEDDLE_COLD void with_index_name(std::size_t i, F&& f) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, i);
  f(std::string_view(digits, static_cast<std::size_t>(end.ptr - digits)));
}

/// Channels in and out of a row module; 0 where a module decides at run time.
template <class M>
constexpr std::size_t static_in_channels() {
  if constexpr (requires { M::in_channels; }) return M::in_channels;
  return 0;
}
template <class M>
constexpr std::size_t static_out_channels() {
  if constexpr (requires { M::out_channels; }) return M::out_channels;
  return 0;
}

template <class First, class Second>
constexpr bool channels_fit() {
  constexpr std::size_t out = static_out_channels<First>();
  constexpr std::size_t in = static_in_channels<Second>();
  static_assert(out == 0 || in == 0 || out == in,
                "heddle::sequential: a child takes another number of channels than the child before it gives");
  return true;
}

template <class... Ms>
constexpr bool chain_fits() {
  if constexpr (sizeof...(Ms) > 1) {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      using list = std::tuple<Ms...>;
      return (channels_fit<std::tuple_element_t<I, list>, std::tuple_element_t<I + 1, list>>() && ...);
    }(std::make_index_sequence<sizeof...(Ms) - 1>{});
  }
  return true;
}

}  // namespace detail

/// Children one after the other: `y = child_n(... child_1(x))`. A child is a module or `named<"...", module>`.
template <class... Children>
struct sequential {
  static_assert(sizeof...(Children) > 0, "heddle::sequential: at least one child");
  static_assert(detail::chain_fits<typename detail::child_of<Children>::type...>());

  std::tuple<typename detail::child_of<Children>::type...> children;

  /// The child at position `I`.
  template <std::size_t I>
  auto& get() noexcept {
    return std::get<I>(children);
  }
  template <std::size_t I>
  const auto& get() const noexcept {
    return std::get<I>(children);
  }

  /// May run in place where every child may: then nothing lies between the children either.
  static constexpr bool in_place = (detail::in_place_module<typename detail::child_of<Children>::type>() && ...);

  static constexpr std::size_t parameter_count() { return (parameters<typename detail::child_of<Children>::type> + ...); }

  template <class Self, class F>
  HEDDLE_COLD static void visit_children(Self& self, F&& f) {
    std::size_t i = 0;
    std::apply([&](auto&... child) { (visit_one<Children>(child, i++, f), ...); }, self.children);
  }

  static constexpr map_extents output_extents(const map_extents& x) {
    map_extents e = x;
    ((e = heddle::output_extents<typename detail::child_of<Children>::type>(e)), ...);
    return e;
  }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    std::uint64_t sum = 0;
    map_extents e = x;
    ((sum += heddle::multiply_adds<typename detail::child_of<Children>::type>(e),
      e = heddle::output_extents<typename detail::child_of<Children>::type>(e)),
     ...);
    return sum;
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    std::size_t largest = 0;
    map_extents e = x;
    const auto add = [&]<class M>(std::type_identity<M>) {
      const std::size_t bytes = heddle::scratch_bytes<M>(backend, e);
      largest = bytes < largest ? largest : bytes;  // nvcc minds `0 > largest`
      e = heddle::output_extents<M>(e);
    };
    (add(std::type_identity<typename detail::child_of<Children>::type>{}), ...);
    return (in_place ? 0 : 2 * heddle::scratch_bytes<float>(largest_intermediate(x))) + largest;
  }

  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    if constexpr (in_place) {
      map_view<const float> from = x;
      std::apply([&](const auto&... child) { ((heddle::forward(ctx, child, from, y), from = y), ...); }, children);
    } else {
      forward_through_buffers(ctx, x, y);
    }
  }

 private:
  template <class Backend>
  void forward_through_buffers(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    const std::size_t n = largest_intermediate(x.extents());
    float* const buffers[2] = {ctx.scratch.template take<float>(n), ctx.scratch.template take<float>(n)};
    map_view<const float> current = x;
    int next = 0;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (step<I>(ctx, current, y, buffers, next), ...);
    }(std::make_index_sequence<sizeof...(Children)>{});
  }

  template <class Child, class M, class F>
  static void visit_one(M& child, std::size_t i, F&& f) {
    if constexpr (detail::child_of<Child>::name.empty()) {
      detail::with_index_name(i, [&](std::string_view name) { f(name, child); });
    } else {
      f(detail::child_of<Child>::name, child);
    }
  }

  /// Elements of the largest map between two children.
  static constexpr std::size_t largest_intermediate(const map_extents& x) {
    std::size_t largest = 0;
    std::size_t i = 0;
    map_extents e = x;
    const auto add = [&]<class M>(std::type_identity<M>) {
      e = heddle::output_extents<M>(e);
      if (++i < sizeof...(Children) && e.size() > largest) largest = e.size();
    };
    (add(std::type_identity<typename detail::child_of<Children>::type>{}), ...);
    return largest;
  }

  /// Runs child `I` from `current` to the next free buffer, or to `y` if it is the last; a module that may run in place
  /// stays in its buffer.
  template <std::size_t I, class Backend>
  void step(context<Backend> ctx, map_view<const float>& current, map_view<float> y, float* const (&buffers)[2],
            int& next) const {
    using child_type = std::tuple_element_t<I, decltype(children)>;
    const child_type& child = std::get<I>(children);
    if constexpr (I + 1 == sizeof...(Children)) {
      heddle::forward(ctx, child, current, y);
    } else {
      if constexpr (I > 0 && detail::in_place_module<child_type>()) next = 1 - next;
      const map_view<float> target(buffers[next], heddle::output_extents<child_type>(current.extents()));
      heddle::forward(ctx, child, current, target);
      current = target;
      next = 1 - next;
    }
  }
};

/// `N` modules of one type, one after the other; each keeps the shape. Children are called "0" to "N - 1". The code of
/// the module is instantiated once.
template <std::size_t N, module M>
struct repeat {
  static_assert(N > 0, "heddle::repeat: at least one");
  std::array<M, N> children;

  static constexpr std::size_t parameter_count() { return N * parameters<M>; }

  template <class Self, class F>
  HEDDLE_COLD static void visit_children(Self& self, F&& f) {
    for (std::size_t i = 0; i < N; ++i) detail::with_index_name(i, [&](std::string_view name) { f(name, self.children[i]); });
  }

  static constexpr map_extents output_extents(const map_extents& x) {
    const map_extents y = heddle::output_extents<M>(x);
    if (N > 1)
      for (std::size_t r = 0; r < 4; ++r)
        require_extent("repeat: output of the repeated module", "elements along an axis as the input has", x.extent(r),
                       y.extent(r));
    return y;
  }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) { return N * heddle::multiply_adds<M>(x); }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    const std::size_t own = N > 1 && !detail::in_place_module<M>() ? heddle::scratch_bytes<float>(x.size()) : 0;
    return own + heddle::scratch_bytes<M>(backend, x);
  }
  static constexpr bool in_place = detail::in_place_module<M>();

  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    if constexpr (in_place || N == 1) {
      heddle::forward(ctx, children[0], x, y);
      for (std::size_t i = 1; i < N; ++i) heddle::forward(ctx, children[i], y, y);
    } else {
      const map_view<float> other(ctx.scratch.template take<float>(x.size()), x.extents());
      map_view<const float> current = x;
      for (std::size_t i = 0; i < N; ++i) {  // alternate so that the last one writes y
        const map_view<float> target = (N - 1 - i) % 2 == 0 ? y : other;
        heddle::forward(ctx, children[i], current, target);
        current = target;
      }
    }
  }
};

}  // namespace heddle::inline v0
