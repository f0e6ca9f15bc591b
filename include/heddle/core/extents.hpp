/// @file
/// Extents of a tensor, each known at compile time or at run time: `extents<dyn, 197, 768>`.
#pragma once

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "error.hpp"

namespace heddle::inline v0 {

/// Marks an extent that is known only at run time.
inline constexpr std::size_t dyn = static_cast<std::size_t>(-1);

/// The extents of a multi-dimensional array. Only dynamic extents take storage; fully static extents are an empty type.
/// The interface is that of `std::extents` (rank, rank_dynamic, static_extent, extent).
///
/// @code
/// heddle::extents<heddle::dyn, 64, 48> e{2};   // 2 x 64 x 48
/// static_assert(decltype(e)::static_extent(1) == 64);
/// @endcode
template <std::size_t... Es>
class extents {
  static constexpr std::size_t count = sizeof...(Es);

  // Folds, not arrays: device code may not read static data members of the host.
  HEDDLE_HOST_DEVICE static constexpr std::size_t known([[maybe_unused]] std::size_t r) noexcept {
    std::size_t result = 0;
    [[maybe_unused]] std::size_t i = 0;
    ((result = i++ == r ? Es : result), ...);
    return result;
  }
  HEDDLE_HOST_DEVICE static constexpr std::size_t dynamic_before([[maybe_unused]] std::size_t r) noexcept {
    std::size_t n = 0;
    [[maybe_unused]] std::size_t i = 0;
    ((n += i++ < r && Es == dyn ? 1 : 0), ...);
    return n;
  }
  static constexpr std::size_t dynamic_count = ((Es == dyn ? std::size_t{1} : std::size_t{0}) + ... + 0);

  struct no_storage {
    HEDDLE_HOST_DEVICE constexpr std::size_t operator[](std::size_t) const noexcept { return 0; }
  };
  using storage =
      std::conditional_t<dynamic_count == 0, no_storage, std::array<std::size_t, dynamic_count == 0 ? 1 : dynamic_count>>;
  [[no_unique_address]] storage values_{};

 public:
  using index_type = std::size_t;

  constexpr extents() noexcept = default;

  /// From the dynamic extents in order, or from all extents; a static extent given must agree.
  /// @throws shape_error where it does not.
  template <class... Sizes>
    requires((std::is_convertible_v<Sizes, std::size_t> && ...) && sizeof...(Sizes) > 0 &&
             (sizeof...(Sizes) == dynamic_count || sizeof...(Sizes) == count))
  HEDDLE_HOST_DEVICE constexpr explicit(sizeof...(Sizes) == 1) extents(Sizes... sizes) {
    const std::array<std::size_t, sizeof...(Sizes)> given{static_cast<std::size_t>(sizes)...};
    if constexpr (sizeof...(Sizes) == count) {
      for (std::size_t r = 0; r < count; ++r) set(r, given[r]);
    } else {
      for (std::size_t i = 0; i < dynamic_count; ++i) values_[i] = given[i];
    }
  }

  /// From other extents of the same rank. Implicit where no static extent could disagree.
  /// @throws shape_error where one does.
  template <std::size_t... Os>
    requires(sizeof...(Os) == count && ((Es == dyn || Os == dyn || Es == Os) && ...))
  HEDDLE_HOST_DEVICE constexpr explicit(((Es != dyn && Os == dyn) || ...)) extents(const extents<Os...>& other) {
    for (std::size_t r = 0; r < count; ++r) set(r, other.extent(r));
  }

  HEDDLE_HOST_DEVICE static constexpr std::size_t rank() noexcept { return count; }
  HEDDLE_HOST_DEVICE static constexpr std::size_t rank_dynamic() noexcept { return dynamic_count; }
  HEDDLE_HOST_DEVICE static constexpr std::size_t static_extent(std::size_t r) noexcept { return known(r); }
  HEDDLE_HOST_DEVICE constexpr std::size_t extent(std::size_t r) const noexcept {
    if constexpr (dynamic_count == count) {  // without the search: extents are asked for everywhere
      return values_[r];
    } else if constexpr (dynamic_count == 0) {
      return known(r);
    } else {
      return known(r) == dyn ? values_[dynamic_before(r)] : known(r);
    }
  }

  /// Number of elements: the product of all extents (1 for rank 0).
  HEDDLE_HOST_DEVICE constexpr std::size_t size() const noexcept {
    std::size_t n = 1;
    for (std::size_t r = 0; r < count; ++r) n *= extent(r);
    return n;
  }

  template <std::size_t... Os>
  HEDDLE_HOST_DEVICE friend constexpr bool operator==(const extents& a, const extents<Os...>& b) noexcept {
    if constexpr (sizeof...(Os) != count) {
      return false;
    } else {
      for (std::size_t r = 0; r < count; ++r)
        if (a.extent(r) != b.extent(r)) return false;
      return true;
    }
  }

 private:
  HEDDLE_HOST_DEVICE constexpr void set(std::size_t r, std::size_t value) {
    if constexpr (dynamic_count == count && count > 0) {
      values_[r] = value;
    } else if (known(r) == dyn) {
      if constexpr (dynamic_count > 0) values_[dynamic_before(r)] = value;
    } else if (known(r) != value) {
#if !defined(__CUDA_ARCH__)
      detail::raise_shape("extents", "elements along a static axis", known(r), value);
#endif
    }
  }
};

template <class... Sizes>
extents(Sizes...) -> extents<(static_cast<void>(sizeof(Sizes)), dyn)...>;

namespace detail {
template <class>
inline constexpr bool is_extents = false;
template <std::size_t... Es>
inline constexpr bool is_extents<extents<Es...>> = true;

template <std::size_t Rank, class = std::make_index_sequence<Rank>>
struct dynamic_extents_of;
template <std::size_t Rank, std::size_t... I>
struct dynamic_extents_of<Rank, std::index_sequence<I...>> {
  using type = extents<(static_cast<void>(I), dyn)...>;
};
}  // namespace detail

/// Extents of a rank, all known at run time.
template <std::size_t Rank>
using dynamic_extents = typename detail::dynamic_extents_of<Rank>::type;

}  // namespace heddle::inline v0
