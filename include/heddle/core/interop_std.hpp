/// @file
/// Views to and from the standard library's: `std::span` everywhere, `std::mdspan` where the library has it.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

#include "view.hpp"

#if __has_include(<version>)
#include <version>
#endif
#if defined(__cpp_lib_mdspan)
#include <mdspan>
#endif

namespace heddle::inline v0 {

/// The elements of a span as a view `[elements]`; a static extent stays static.
template <class T, std::size_t N>
constexpr auto as_view(std::span<T, N> elements) noexcept {
  if constexpr (N == std::dynamic_extent) {
    return view<T, extents<dyn>>(elements.data(), extents<dyn>(elements.size()));
  } else {
    return view<T, extents<N>>(elements.data(), extents<N>{});
  }
}

#if defined(__cpp_lib_mdspan)
namespace detail {

template <std::size_t E>
inline constexpr std::size_t to_std_extent = E == dyn ? std::dynamic_extent : E;

template <std::size_t... Es>
constexpr std::extents<std::size_t, to_std_extent<Es>...> to_std_extents(const extents<Es...>& e) {
  std::array<std::size_t, sizeof...(Es)> all{};
  for (std::size_t r = 0; r < sizeof...(Es); ++r) all[r] = e.extent(r);
  return std::extents<std::size_t, to_std_extent<Es>...>(all);
}

template <class Index, std::size_t... Es, std::size_t... R>
constexpr auto from_std_extents(const std::extents<Index, Es...>& e, std::index_sequence<R...>) {
  using result = extents<(Es == std::dynamic_extent ? dyn : Es)...>;
  if constexpr (result::rank_dynamic() == 0) {
    return result{};
  } else {
    return result(static_cast<std::size_t>(e.extent(R))...);
  }
}

}  // namespace detail

/// The same elements as a `std::mdspan`: `layout_right` for contiguous views, `layout_stride` for strided ones.
template <class T, class Extents, class Layout>
constexpr auto as_mdspan(const view<T, Extents, Layout>& v) {
  const auto e = detail::to_std_extents(v.extents());
  if constexpr (std::is_same_v<Layout, row_major>) {
    return std::mdspan(v.data_handle(), e);
  } else {
    std::array<std::size_t, Extents::rank()> strides{};
    for (std::size_t r = 0; r < Extents::rank(); ++r) strides[r] = v.stride(r);
    return std::mdspan(v.data_handle(), std::layout_stride::mapping(e, strides));
  }
}

/// The same elements as a view: contiguous from `layout_right`, strided from every other layout with strides.
template <class T, class StdExtents, class StdLayout>
constexpr auto as_view(const std::mdspan<T, StdExtents, StdLayout>& m) {
  const auto e = detail::from_std_extents(m.extents(), std::make_index_sequence<StdExtents::rank()>{});
  if constexpr (std::is_same_v<StdLayout, std::layout_right>) {
    return view<T, std::remove_const_t<decltype(e)>>(m.data_handle(), e);
  } else {
    static_assert(std::mdspan<T, StdExtents, StdLayout>::is_always_strided(),
                  "heddle::as_view: the layout of the mdspan has no strides");
    std::array<std::size_t, StdExtents::rank()> strides{};
    for (std::size_t r = 0; r < StdExtents::rank(); ++r) strides[r] = static_cast<std::size_t>(m.stride(r));
    return view<T, std::remove_const_t<decltype(e)>, strided>(m.data_handle(), e, strides);
  }
}
#endif

}  // namespace heddle::inline v0
