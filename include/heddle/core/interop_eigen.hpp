/// @file
/// Views to and from Eigen: the same memory, no copy. The only header under `include/` that needs more than the standard
/// library; nothing else includes it.
#pragma once

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <Eigen/Core>

#include "view.hpp"

namespace heddle::inline v0 {

namespace detail {

constexpr int eigen_extent(std::size_t extent) noexcept { return extent == dyn ? Eigen::Dynamic : static_cast<int>(extent); }

/// Eigen wants a matrix of one column to be column-major; with one column the two orders are the same.
template <class T, std::size_t Rows, std::size_t Columns>
using eigen_matrix = Eigen::Matrix<std::remove_cv_t<T>, eigen_extent(Rows), eigen_extent(Columns),
                                   Columns == 1 && Rows != 1 ? Eigen::ColMajor : Eigen::RowMajor>;

template <class T, class Plain>
using const_like = std::conditional_t<std::is_const_v<T>, const Plain, Plain>;

constexpr std::size_t view_extent(int extent) noexcept {
  return extent == Eigen::Dynamic ? dyn : static_cast<std::size_t>(extent);
}

/// Extents from rows and columns, of which some are constants.
template <std::size_t... Es>
constexpr extents<Es...> extents_from(const std::array<std::size_t, sizeof...(Es)>& sizes) {
  return [&]<std::size_t... R>(std::index_sequence<R...>) {
    return extents<Es...>(extents<(static_cast<void>(R), dyn)...>(sizes[R]...));
  }(std::make_index_sequence<sizeof...(Es)>{});
}

}  // namespace detail

/// A matrix `[rows, columns]` or a vector `[elements]` as an `Eigen::Map`. Static extents become Eigen's compile-time sizes;
/// strided views become maps with both strides.
/// @code
/// Eigen::MatrixXf product = heddle::as_eigen(a) * heddle::as_eigen(b);
/// @endcode
template <class T, class Extents, class Layout>
auto as_eigen(const view<T, Extents, Layout>& v) {
  static_assert(Extents::rank() == 1 || Extents::rank() == 2,
                "heddle::as_eigen: Eigen has vectors and matrices; take a slice of one or two axes");
  const auto index = [](std::size_t n) { return static_cast<Eigen::Index>(n); };
  if constexpr (Extents::rank() == 1) {
    using plain = detail::const_like<T, detail::eigen_matrix<T, Extents::static_extent(0), 1>>;
    if constexpr (std::is_same_v<Layout, row_major>) {
      return Eigen::Map<plain>(v.data_handle(), index(v.extent(0)));
    } else {
      return Eigen::Map<plain, Eigen::Unaligned, Eigen::InnerStride<>>(v.data_handle(), index(v.extent(0)),
                                                                       Eigen::InnerStride<>(index(v.stride(0))));
    }
  } else {
    using plain = detail::const_like<T, detail::eigen_matrix<T, Extents::static_extent(0), Extents::static_extent(1)>>;
    if constexpr (std::is_same_v<Layout, row_major>) {
      return Eigen::Map<plain>(v.data_handle(), index(v.extent(0)), index(v.extent(1)));
    } else {
      using strides = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;
      const auto outer = index(v.stride(plain::IsRowMajor ? 0 : 1));
      const auto inner = index(v.stride(plain::IsRowMajor ? 1 : 0));
      return Eigen::Map<plain, Eigen::Unaligned, strides>(v.data_handle(), index(v.extent(0)), index(v.extent(1)),
                                                          strides(outer, inner));
    }
  }
}

/// An Eigen matrix, array, map or block as a strided view of the same memory: `[rows, columns]`, or `[elements]` where Eigen
/// knows a vector at compile time. Compile-time sizes become static extents. The owner of the memory must outlive the view.
template <class Xpr>
  requires requires(Xpr& x) {
    x.data();
    x.rowStride();
    x.colStride();
  }
auto as_view(Xpr&& x) {
  using plain = std::remove_cvref_t<Xpr>;
  static_assert(std::is_lvalue_reference_v<Xpr> || !std::is_base_of_v<Eigen::PlainObjectBase<plain>, plain>,
                "heddle::as_view: the matrix would be gone before the view is used");
  using element = std::remove_pointer_t<decltype(x.data())>;
  const auto size = [](Eigen::Index n) { return static_cast<std::size_t>(n); };
  if constexpr (plain::IsVectorAtCompileTime) {
    using e = extents<detail::view_extent(plain::SizeAtCompileTime)>;
    return view<element, e, strided>(x.data(), detail::extents_from<e::static_extent(0)>({size(x.size())}),
                                     {size(x.innerStride())});
  } else {
    using e = extents<detail::view_extent(plain::RowsAtCompileTime), detail::view_extent(plain::ColsAtCompileTime)>;
    return view<element, e, strided>(
        x.data(), detail::extents_from<e::static_extent(0), e::static_extent(1)>({size(x.rows()), size(x.cols())}),
        {size(x.rowStride()), size(x.colStride())});
  }
}

}  // namespace heddle::inline v0
