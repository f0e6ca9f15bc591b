/// @file
/// Segments of tokens that see some segments and not others (mixed attention of trackers).
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "../../core/error.hpp"
#include "../../core/extents.hpp"
#include "../batch.hpp"
#include "../category.hpp"
#include "../context.hpp"

namespace heddle::inline v0 {

/// Lengths of consecutive segments of tokens: `segments<49, 49, 196>`; those that are `dyn` are given at run time, in order:
/// `segments<49, dyn, dyn>{n, 196}`.
template <std::size_t... Sizes>
struct segments {
  static constexpr std::size_t count = sizeof...(Sizes);
  static constexpr std::size_t dynamic = ((Sizes == dyn ? 1U : 0U) + ... + 0U);
  static_assert(count > 0 && count <= 64, "heddle::segments: 1 to 64 segments");

  constexpr segments() = default;
  template <std::integral... N>
    requires(sizeof...(N) == dynamic && dynamic > 0)
  constexpr segments(N... n) noexcept : stored_{static_cast<std::size_t>(n)...} {}

  template <std::size_t I>
  HEDDLE_HOST_DEVICE constexpr std::size_t size() const noexcept {
    constexpr std::size_t known = all()[I];
    if constexpr (known != dyn) {
      return known;
    } else {
      return stored_[dynamic_before<I>];
    }
  }
  /// First token of segment `I`; of segment `count`: the number of all.
  template <std::size_t I>
  HEDDLE_HOST_DEVICE constexpr std::size_t begin() const noexcept {
    return sum(std::make_index_sequence<I>{});
  }

 private:
  template <std::size_t... I>
  HEDDLE_HOST_DEVICE constexpr std::size_t sum(std::index_sequence<I...>) const noexcept {
    return (size<I>() + ... + std::size_t{0});
  }
  static constexpr std::array<std::size_t, count> all() noexcept { return {Sizes...}; }
  template <std::size_t I>
  static constexpr std::size_t dynamic_before = [] {
    std::size_t n = 0;
    for (std::size_t j = 0; j != I; ++j) n += all()[j] == dyn ? 1 : 0;
    return n;
  }();
  struct nothing {};
  [[no_unique_address]] std::conditional_t<dynamic == 0, nothing, std::array<std::size_t, dynamic == 0 ? 1 : dynamic>>
      stored_{};
};

/// `segments` of the keys, where they are not those of the queries.
template <std::size_t... Sizes>
struct key_segments : segments<Sizes...> {
  using segments<Sizes...>::segments;
};

/// The segments of keys that one segment of queries sees.
template <std::size_t... Segments>
struct sees {
  static constexpr std::uint64_t bits = ((std::uint64_t{1} << (Segments < 64 ? Segments : 0)) | ... | std::uint64_t{0});
  static constexpr std::size_t end = [] {
    std::size_t n = 0;
    ((n = Segments + 1 > n ? Segments + 1 : n), ...);
    return n;
  }();
};

namespace detail {

/// Says both numbers in the compiler's message.
template <std::size_t Segments, std::size_t Sees>
struct mixed_rows {
  static_assert(Segments == Sees, "heddle::mixed: one sees<...> for each segment of queries (mixed_rows<segments, sees>)");
  static constexpr bool ok = true;
};
template <std::size_t Segments, std::size_t Seen>
struct mixed_columns {
  static_assert(Seen <= Segments,
                "heddle::mixed: sees<...> names a segment that is not there (mixed_columns<segments, named>)");
  static constexpr bool ok = true;
};

/// How many segments the rows name.
template <class... Sees>
inline constexpr std::size_t most_seen = [] {
  std::size_t n = 0;
  ((n = Sees::end > n ? Sees::end : n), ...);
  return n;
}();

template <class QuerySegments, class KeySegments, class... Sees>
struct mixed_rule {
  static constexpr std::size_t rows = QuerySegments::count;
  static constexpr std::size_t columns = KeySegments::count;

  template <std::size_t I>
  static constexpr std::uint64_t row = std::array<std::uint64_t, sizeof...(Sees)>{Sees::bits...}[I];
  template <std::size_t I, std::size_t J>
  static constexpr bool sees_segment = (row<I> >> J & 1U) != 0;

  /// The first segment behind `I` with other visible segments: rows that see the same are one.
  template <std::size_t I>
  static constexpr std::size_t same_rows_end = [] {
    constexpr std::array<std::uint64_t, sizeof...(Sees)> all{Sees::bits...};
    std::size_t end = I;
    while (end < rows && all[end] == all[I]) ++end;
    return end;
  }();
  /// The first segment behind `J` that row `I` does not see.
  template <std::size_t I, std::size_t J>
  static constexpr std::size_t seen_end = [] {
    std::size_t end = J;
    while (end < columns && (row<I> >> end & 1U) != 0) ++end;
    return end;
  }();

  HEDDLE_HOST_DEVICE static constexpr tile classify(const QuerySegments& qs, const KeySegments& ks, std::size_t q0,
                                                    std::size_t q1, std::size_t k0, std::size_t k1) noexcept {
    bool any = false;
    bool all = q1 <= qs.template begin<rows>() && k1 <= ks.template begin<columns>();
    each<rows>([&](auto i) {
      if (!meets(qs, i, q0, q1)) return;
      each<columns>([&](auto j) {
        if (!meets(ks, j, k0, k1)) return;
        any = any || sees_segment<i(), j()>;
        all = all && sees_segment<i(), j()>;
      });
    });
    return !any ? tile::skip : all ? tile::full : tile::partial;
  }

  template <class T>
  HEDDLE_HOST_DEVICE static constexpr typename batch_traits<T>::mask visible(const QuerySegments& qs, const KeySegments& ks,
                                                                             T q, T k) noexcept {
    using mask_type = typename batch_traits<T>::mask;
    auto result = static_cast<mask_type>(q != q);
    each<rows>([&](auto i) {
      if constexpr (starts_row<i()>) {
        auto seen = static_cast<mask_type>(q != q);
        each<columns>([&](auto j) {
          if constexpr (starts_run<i(), j()>)
            seen = static_cast<mask_type>(seen | between(k, ks.template begin<j()>(), ks.template begin<seen_end<i(), j()>>()));
        });
        const mask_type here = between(q, qs.template begin<i()>(), qs.template begin<same_rows_end<i()>>());
        result = static_cast<mask_type>(result | (here & seen));
      }
    });
    return result;
  }

 private:
  /// GCC 12 wants these outside of `if constexpr`.
  template <std::size_t I>
  static constexpr bool starts_row = I == 0 || row<I> != row<(I == 0 ? 0 : I - 1)>;
  template <std::size_t I, std::size_t J>
  static constexpr bool starts_run = sees_segment<I, J> && (J == 0 || !sees_segment<I, (J == 0 ? 0 : J - 1)>);

  template <std::size_t N, class F>
  HEDDLE_HOST_DEVICE static constexpr void each(F&& f) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (f(std::integral_constant<std::size_t, I>{}), ...);
    }(std::make_index_sequence<N>{});
  }
  /// Whether segment `I` has a token in `[first, last)`.
  template <class Segments, std::size_t I>
  HEDDLE_HOST_DEVICE static constexpr bool meets(const Segments& s, std::integral_constant<std::size_t, I>, std::size_t first,
                                                 std::size_t last) noexcept {
    const std::size_t begin = s.template begin<I>() < first ? first : s.template begin<I>();
    const std::size_t end = s.template begin<I + 1>() < last ? s.template begin<I + 1>() : last;
    return begin < end;
  }
  template <class T>
  HEDDLE_HOST_DEVICE static constexpr typename batch_traits<T>::mask between(T x, std::size_t first,
                                                                             std::size_t last) noexcept {
    const T low = batch_value<T>(first);
    const T high = batch_value<T>(last);
    return static_cast<typename batch_traits<T>::mask>((x >= low) & (x < high));
  }
};

}  // namespace detail

/// Query `q` of segment `i` sees the keys of the segments that the i-th `sees<...>` names: MixFormer's asymmetric mixed
/// attention (Cui et al. 2022, section 3.1; Cui et al. 2023) is
/// `mixed<segments<49, 49, 196>, sees<0, 1>, sees<0, 1>, sees<0, 1, 2>>` for template, online template and search. Segments
/// that are not seen are never computed, which makes it as fast as separate dense calls.
///
/// Sizes at run time: `mixed<segments<dyn, dyn>, sees<0>, sees<0, 1>>{{templates, search}}`. Keys in other numbers (pooled or
/// strided): `mixed<segments<...>, key_segments<...>, sees<...>...>`.
/// @throws shape_error (from `attend`) if the segments do not add up to the queries and keys
template <class Segments, class... Sees>
struct mixed {
  using policy_category = mask_tag;
  static constexpr bool exact_tiles = true;
  static_assert(detail::mixed_rows<Segments::count, sizeof...(Sees)>::ok &&
                detail::mixed_columns<Segments::count, detail::most_seen<Sees...>>::ok);
  [[no_unique_address]] Segments sizes{};

  constexpr void check(const attend_call& call) const {
    require_extent("mixed: the segments", "queries", call.queries, sizes.template begin<Segments::count>());
    require_extent("mixed: the segments", "keys", call.keys, sizes.template begin<Segments::count>());
  }
  template <class Context>
  HEDDLE_HOST_DEVICE constexpr tile classify(const Context&, std::size_t q0, std::size_t q1, std::size_t k0,
                                             std::size_t k1) const noexcept {
    return detail::mixed_rule<Segments, Segments, Sees...>::classify(sizes, sizes, q0, q1, k0, k1);
  }
  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr typename batch_traits<T>::mask operator()(const Context&, T q, T k) const noexcept {
    return detail::mixed_rule<Segments, Segments, Sees...>::visible(sizes, sizes, q, k);
  }
};

/// Keys with segments of their own.
template <class Segments, std::size_t... KeySizes, class... Sees>
struct mixed<Segments, key_segments<KeySizes...>, Sees...> {
  using policy_category = mask_tag;
  static constexpr bool exact_tiles = true;
  using keys_type = key_segments<KeySizes...>;
  static_assert(detail::mixed_rows<Segments::count, sizeof...(Sees)>::ok &&
                detail::mixed_columns<keys_type::count, detail::most_seen<Sees...>>::ok);
  [[no_unique_address]] Segments sizes{};
  [[no_unique_address]] keys_type key_sizes{};

  constexpr void check(const attend_call& call) const {
    require_extent("mixed: the segments", "queries", call.queries, sizes.template begin<Segments::count>());
    require_extent("mixed: the key_segments", "keys", call.keys, key_sizes.template begin<keys_type::count>());
  }
  template <class Context>
  HEDDLE_HOST_DEVICE constexpr tile classify(const Context&, std::size_t q0, std::size_t q1, std::size_t k0,
                                             std::size_t k1) const noexcept {
    return detail::mixed_rule<Segments, keys_type, Sees...>::classify(sizes, key_sizes, q0, q1, k0, k1);
  }
  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr typename batch_traits<T>::mask operator()(const Context&, T q, T k) const noexcept {
    return detail::mixed_rule<Segments, keys_type, Sees...>::visible(sizes, key_sizes, q, k);
  }
};

}  // namespace heddle::inline v0
