/// @file
/// Non-owning, strided views of memory with the interface of `std::mdspan`.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <type_traits>

#include "extents.hpp"

namespace heddle::inline v0 {

/// Layout whose last axis is contiguous and whose other strides follow from the extents: nothing is stored.
struct row_major {
  template <class Extents>
  class mapping {
    [[no_unique_address]] Extents extents_{};

   public:
    constexpr mapping() noexcept = default;
    HEDDLE_HOST_DEVICE constexpr explicit mapping(const Extents& e) noexcept : extents_(e) {}
    HEDDLE_HOST_DEVICE constexpr const Extents& extents() const noexcept { return extents_; }
    HEDDLE_HOST_DEVICE constexpr std::size_t stride(std::size_t r) const noexcept {
      std::size_t s = 1;
      for (std::size_t i = Extents::rank(); i-- > r + 1;) s *= extents_.extent(i);
      return s;
    }
    HEDDLE_HOST_DEVICE static constexpr bool is_always_contiguous() noexcept { return true; }
  };
};

/// Layout with a stride (in elements) stored for every axis: slices, transposed and interleaved arrays.
struct strided {
  template <class Extents>
  class mapping {
    [[no_unique_address]] Extents extents_{};
    std::array<std::size_t, Extents::rank()> strides_{};

   public:
    constexpr mapping() noexcept = default;
    HEDDLE_HOST_DEVICE constexpr mapping(const Extents& e, const std::array<std::size_t, Extents::rank()>& s) noexcept
        : extents_(e), strides_(s) {}
    HEDDLE_HOST_DEVICE constexpr const Extents& extents() const noexcept { return extents_; }
    HEDDLE_HOST_DEVICE constexpr std::size_t stride(std::size_t r) const noexcept { return strides_[r]; }
    HEDDLE_HOST_DEVICE static constexpr bool is_always_contiguous() noexcept { return false; }
  };
};

/// A view of elements of `T` over `Extents` with a `Layout` (`row_major` or `strided`). Trivially copyable; never owns.
///
/// Converts implicitly to a view of const elements, to the strided layout and to dynamic extents; explicitly, with a
/// checked `shape_error`, to static extents.
/// @code
/// heddle::view<float, heddle::extents<heddle::dyn, 48>> rows{pointer, heddle::extents<heddle::dyn, 48>{100}};
/// rows(3, 5) = 1.0f;
/// @endcode
template <class T, class Extents, class Layout = row_major>
class view {
  static_assert(detail::is_extents<Extents>, "heddle::view: the second argument must be heddle::extents<...>");
  using mapping_type_ = typename Layout::template mapping<Extents>;

  T* data_ = nullptr;
  [[no_unique_address]] mapping_type_ mapping_{};

 public:
  using element_type = T;
  using value_type = std::remove_cv_t<T>;
  using extents_type = Extents;
  using layout_type = Layout;
  using mapping_type = mapping_type_;

  constexpr view() noexcept = default;

  /// A contiguous array of the given extents.
  HEDDLE_HOST_DEVICE constexpr view(T* data, const Extents& e) noexcept
    requires std::is_same_v<Layout, row_major>
      : data_(data), mapping_(e) {}

  /// A strided array; strides in elements.
  HEDDLE_HOST_DEVICE constexpr view(T* data, const Extents& e, const std::array<std::size_t, Extents::rank()>& strides) noexcept
    requires std::is_same_v<Layout, strided>
      : data_(data), mapping_(e, strides) {}

  /// From a compatible view: more const, more dynamic, more strided, or (explicitly, checked) more static.
  template <class U, class OtherExtents, class OtherLayout>
    requires(std::is_convertible_v<U (*)[], T (*)[]> && OtherExtents::rank() == Extents::rank() &&
             std::is_constructible_v<Extents, const OtherExtents&> &&
             (std::is_same_v<Layout, strided> || std::is_same_v<OtherLayout, row_major>))
  HEDDLE_HOST_DEVICE constexpr explicit(!std::is_convertible_v<const OtherExtents&, Extents>)
      view(const view<U, OtherExtents, OtherLayout>& other)
      : data_(other.data_handle()), mapping_(make_mapping(other)) {}

  HEDDLE_HOST_DEVICE static constexpr std::size_t rank() noexcept { return Extents::rank(); }
  HEDDLE_HOST_DEVICE constexpr const Extents& extents() const noexcept { return mapping_.extents(); }
  HEDDLE_HOST_DEVICE constexpr std::size_t extent(std::size_t r) const noexcept { return mapping_.extents().extent(r); }
  HEDDLE_HOST_DEVICE static constexpr std::size_t static_extent(std::size_t r) noexcept { return Extents::static_extent(r); }
  HEDDLE_HOST_DEVICE constexpr std::size_t stride(std::size_t r) const noexcept { return mapping_.stride(r); }
  HEDDLE_HOST_DEVICE constexpr std::size_t size() const noexcept { return mapping_.extents().size(); }
  HEDDLE_HOST_DEVICE constexpr bool empty() const noexcept { return size() == 0; }
  HEDDLE_HOST_DEVICE constexpr T* data_handle() const noexcept { return data_; }
  HEDDLE_HOST_DEVICE constexpr const mapping_type& mapping() const noexcept { return mapping_; }

  /// True where the elements lie without gaps in row-major order.
  HEDDLE_HOST_DEVICE constexpr bool is_contiguous() const noexcept {
    std::size_t expected = 1;
    for (std::size_t r = rank(); r-- > 0;) {
      if (extent(r) != 1 && stride(r) != expected) return false;
      expected *= extent(r);
    }
    return true;
  }

  /// Offset in elements of an index.
  template <class... Indices>
    requires(sizeof...(Indices) == Extents::rank())
  HEDDLE_HOST_DEVICE constexpr std::size_t offset(Indices... indices) const noexcept {
    std::size_t r = 0;
    std::size_t sum = 0;
    ((sum += static_cast<std::size_t>(indices) * stride(r++)), ...);
    return sum;
  }

  /// The element at an index. Bounds are checked in debug builds.
  template <class... Indices>
    requires(sizeof...(Indices) == Extents::rank())
  HEDDLE_HOST_DEVICE constexpr T& operator()(Indices... indices) const noexcept {
    HEDDLE_ASSERT(inside(indices...), "view: index out of bounds");
    return data_[offset(indices...)];
  }

 private:
  template <class... Indices>
  HEDDLE_HOST_DEVICE constexpr bool inside(Indices... indices) const noexcept {
    std::size_t r = 0;
    return ((static_cast<std::size_t>(indices) < extent(r++)) && ...);
  }

  template <class Other>
  HEDDLE_HOST_DEVICE static constexpr mapping_type make_mapping(const Other& other) {
    if constexpr (std::is_same_v<Layout, row_major>) {
      return mapping_type(Extents(other.extents()));
    } else {
      std::array<std::size_t, Extents::rank()> strides{};
      for (std::size_t r = 0; r < Extents::rank(); ++r) strides[r] = other.stride(r);
      return mapping_type(Extents(other.extents()), strides);
    }
  }
};

template <class T, class Extents>
view(T*, const Extents&) -> view<T, Extents, row_major>;
template <class T, std::size_t... Es>
view(T*, const extents<Es...>&, const std::array<std::size_t, sizeof...(Es)>&) -> view<T, extents<Es...>, strided>;

/// Rows of a matrix with a free distance between rows: `[rows, columns]`, the columns contiguous. The currency of the
/// row-wise primitives (`gemm`, `normalize`, `map`).
template <class T>
using matrix_view = view<T, extents<dyn, dyn>, strided>;

/// A map of features in token order: `[batch, height, width, channels]`, channels contiguous and known at compile time.
template <std::size_t Channels, class T = float>
using feature_map = view<T, extents<dyn, dyn, dyn, Channels>>;

/// Sequences of tokens: `[batch, tokens, channels]`, channels contiguous and known at compile time.
template <std::size_t Channels, class T = float>
using token_map = view<T, extents<dyn, dyn, Channels>>;

/// A matrix of `rows` x `columns` at `data`, `row_stride` elements from row to row.
template <class T>
HEDDLE_HOST_DEVICE constexpr matrix_view<T> make_matrix(T* data, std::size_t rows, std::size_t columns,
                                                        std::size_t row_stride) {
  return matrix_view<T>(data, extents<dyn, dyn>(rows, columns), {row_stride, std::size_t{1}});
}
template <class T>
HEDDLE_HOST_DEVICE constexpr matrix_view<T> make_matrix(T* data, std::size_t rows, std::size_t columns) {
  return make_matrix(data, rows, columns, columns);
}

/// All leading axes of a contiguous view as rows: `[..., channels]` becomes `[rows, channels]`.
template <class T, class Extents>
HEDDLE_HOST_DEVICE constexpr matrix_view<T> as_rows(const view<T, Extents, row_major>& v) {
  const std::size_t columns = v.extent(Extents::rank() - 1);
  std::size_t rows = 1;
  for (std::size_t r = 0; r + 1 < Extents::rank(); ++r) rows *= v.extent(r);
  return make_matrix(v.data_handle(), rows, columns);
}

/// The elements of a contiguous view as a span.
template <class T, class Extents>
constexpr std::span<T> as_span(const view<T, Extents, row_major>& v) noexcept {
  return {v.data_handle(), v.size()};
}

/// A part of the rows of a matrix.
template <class T>
HEDDLE_HOST_DEVICE constexpr matrix_view<T> row_range(const matrix_view<T>& m, std::size_t first, std::size_t count) {
  HEDDLE_ASSERT(first + count <= m.extent(0), "row_range: rows out of bounds");
  return make_matrix(m.data_handle() + first * m.stride(0), count, m.extent(1), m.stride(0));
}

/// A part of the columns of a matrix.
template <class T>
HEDDLE_HOST_DEVICE constexpr matrix_view<T> column_range(const matrix_view<T>& m, std::size_t first, std::size_t count) {
  HEDDLE_ASSERT(first + count <= m.extent(1), "column_range: columns out of bounds");
  return make_matrix(m.data_handle() + first, m.extent(0), count, m.stride(0));
}

/// A matrix of const elements of the same memory.
template <class T>
HEDDLE_HOST_DEVICE constexpr matrix_view<const T> as_const(const matrix_view<T>& m) {
  return m;
}

}  // namespace heddle::inline v0
