/// @file
/// Whether two views share an element.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "../backend/tags.hpp"
#include "../core/math.hpp"

namespace heddle::inline v0::detail {

/// Rows of bytes in three nested loops: what `overlap` compares.
struct row_set {
  std::int64_t base = 0;
  std::int64_t row_bytes = 0;
  std::array<std::int64_t, 3> count{};
  std::array<std::int64_t, 3> step{};

  /// First byte behind the last row, counted from `base`.
  HEDDLE_ALWAYS_INLINE std::int64_t span() const noexcept {
    std::int64_t n = row_bytes;
    for (std::size_t r = 0; r < 3; ++r) n += (count[r] - 1) * step[r];
    return n;
  }
};

template <class V, class Isa = isa::native>
row_set rows_of_view(const V& x) noexcept {
  constexpr auto size = static_cast<std::int64_t>(sizeof(typename V::value_type));
  row_set s;
  s.base = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(x.data_handle()));
  s.row_bytes = static_cast<std::int64_t>(x.extent(3)) * size;
  for (std::size_t r = 0; r < 3; ++r) {
    s.count[r] = static_cast<std::int64_t>(x.extent(r));
    s.step[r] = x.extent(r) == 1 ? 0 : static_cast<std::int64_t>(x.stride(r)) * size;
  }
  return s;
}

/// Whether `step * n` for some n of `[low, high]` lies strictly between `from` and `to`.
template <class Isa = isa::native>
bool multiple_between(std::int64_t step, std::int64_t low, std::int64_t high, std::int64_t from, std::int64_t to) noexcept {
  if (step == 0) return low <= high && from < 0 && 0 < to;
  const std::int64_t first = (from >= 0 ? from / step : -((-from + step - 1) / step)) + 1;  // floor(from / step) + 1
  const std::int64_t n = math::max(first, low);
  return n <= high && n * step < to;
}

/// Both sets have the same steps: only the difference of two rows' numbers counts.
template <class Isa = isa::native>
bool overlap_same_steps(const row_set& a, const row_set& b) noexcept {
  const std::int64_t distance = b.base - a.base;
  for (std::int64_t i = -(a.count[0] - 1); i < b.count[0]; ++i) {
    for (std::int64_t j = -(a.count[1] - 1); j < b.count[1]; ++j) {
      const std::int64_t at = distance + i * a.step[0] + j * a.step[1];  // plus n step: the distance of two rows
      if (multiple_between(a.step[2], -(a.count[2] - 1), b.count[2] - 1, -b.row_bytes - at, a.row_bytes - at)) return true;
    }
  }
  return false;
}

/// Every row of `a` against the rows of `b`, of which the innermost loop is solved.
template <class Isa = isa::native>
bool overlap_any(const row_set& a, const row_set& b) noexcept {
  for (std::int64_t i = 0; i < a.count[0]; ++i)
    for (std::int64_t j = 0; j < a.count[1]; ++j)
      for (std::int64_t t = 0; t < a.count[2]; ++t)
        for (std::int64_t x = 0; x < b.count[0]; ++x)
          for (std::int64_t y = 0; y < b.count[1]; ++y) {
            const std::int64_t at =
                b.base + x * b.step[0] + y * b.step[1] - a.base - i * a.step[0] - j * a.step[1] - t * a.step[2];
            if (multiple_between(b.step[2], 0, b.count[2] - 1, -b.row_bytes - at, a.row_bytes - at)) return true;
          }
  return false;
}

/// Whether two views `[batch, heads, tokens, elements]` share a byte. Views that are interleaved in one array (the parts
/// of a fused projection) do not. Cheap unless their ranges meet.
template <class A, class B, class Isa = isa::native>
bool overlap(const A& x, const B& y) noexcept {
  if (x.empty() || y.empty()) return false;
  row_set a = rows_of_view(x);
  row_set b = rows_of_view(y);
  if (a.base + a.span() <= b.base || b.base + b.span() <= a.base) return false;
  bool same = true;
  for (std::size_t r = 0; r < 3; ++r) {
    if (a.count[r] == 1) a.step[r] = b.step[r];  // never taken
    if (b.count[r] == 1) b.step[r] = a.step[r];
    same = same && a.step[r] == b.step[r];
  }
  return same ? overlap_same_steps(a, b) : overlap_any(a, b);
}

/// Whether two views are the same elements in the same order.
template <class A, class B, class Isa = isa::native>
bool same_elements(const A& x, const B& y) noexcept {
  if (sizeof(typename A::value_type) != sizeof(typename B::value_type)) return false;
  if (static_cast<const void*>(x.data_handle()) != static_cast<const void*>(y.data_handle())) return false;
  for (std::size_t r = 0; r < 4; ++r)
    if (x.extent(r) != y.extent(r) || (x.extent(r) > 1 && x.stride(r) != y.stride(r))) return false;
  return true;
}

}  // namespace heddle::inline v0::detail
