/// @file
/// Where row i of the keys or values lies: the business of a view, not of kernels.
#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>

#include "../../core/dtype.hpp"
#include "../head_view.hpp"

namespace heddle::inline v0 {

/// Element types of queries, keys and values.
template <class T>
concept attend_element = std::same_as<T, float> || std::same_as<T, bfloat16> || std::same_as<T, half>;

namespace detail {
/// Any function of views. (A lambda would do, but not in a concept that nvcc checks.)
struct view_visitor {
  template <class View>
  void operator()(const View&) const noexcept {}
};
}  // namespace detail

/// Keys or values: `extent(0..3)` are `[batch, heads, keys, head_dim]`, `row(batch, head, i)` is the first of the
/// head_dim neighbouring elements of key i, and `each_view(f)` calls `f(head_view)` for every view behind it.
template <class V>
concept key_rows = attend_element<typename V::value_type> && requires(const V& v, std::size_t i) {
  { v.extent(i) } -> std::convertible_to<std::size_t>;
  { v.row(i, i, i) } -> std::same_as<const typename V::value_type*>;
  { V::static_extent(i) } -> std::convertible_to<std::size_t>;
  v.each_view(detail::view_visitor{});
};

/// The rows of one view: what `attend` makes of a `head_view`.
template <class T, std::size_t HeadDim = dyn>
struct view_rows {
  using value_type = T;
  head_view<const T, HeadDim> view;

  HEDDLE_HOST_DEVICE static constexpr std::size_t static_extent(std::size_t r) noexcept {
    return head_view<const T, HeadDim>::static_extent(r);
  }
  HEDDLE_HOST_DEVICE constexpr std::size_t extent(std::size_t r) const noexcept { return view.extent(r); }
  HEDDLE_HOST_DEVICE constexpr std::size_t stride(std::size_t r) const noexcept { return view.stride(r); }
  HEDDLE_HOST_DEVICE constexpr const T* data_handle() const noexcept { return view.data_handle(); }
  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE const T* row(std::size_t batch, std::size_t head, std::size_t i) const noexcept {
    return view.data_handle() + batch * view.stride(0) + head * view.stride(1) + i * view.stride(2);
  }
  template <class F>
  void each_view(F&& f) const {
    f(view);
  }
};

}  // namespace heddle::inline v0
