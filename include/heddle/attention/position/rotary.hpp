/// @file
/// Rotary positions.
#pragma once

#include <cstddef>

#include "../../core/error.hpp"
#include "../../core/math.hpp"
#include "../category.hpp"
#include "../context.hpp"
#include "role.hpp"

namespace heddle::inline v0 {

/// Which elements of a row form a pair that is turned.
enum class rotary_pairs {
  interleaved,  ///< elements 2i and 2i + 1 (RoFormer, GPT-J)
  halves        ///< elements i and i + dims / 2 (GPT-NeoX, Llama)
};

/// Cosines and sines of rotary positions: `[positions, dims / 2]` each, `angle = position * base^(-2 i / dims)`. Angles are
/// found in double: a float would be off by a tenth at position 1e6.
inline void fill_rotary_tables(float base, std::size_t positions, std::size_t dims, float* cosines, float* sines) noexcept {
  const std::size_t pairs = dims / 2;
  for (std::size_t i = 0; i < pairs; ++i) {
    const double step = math::pow(static_cast<double>(base), -2.0 * static_cast<double>(i) / static_cast<double>(dims));
    for (std::size_t p = 0; p < positions; ++p) {
      cosines[p * pairs + i] = static_cast<float>(math::cos(static_cast<double>(p) * step));
      sines[p * pairs + i] = static_cast<float>(math::sin(static_cast<double>(p) * step));
    }
  }
}

/// Turns pair i of the query or key of token t by the angle `(t + offset) base^(-2 i / dims)`:
/// `(x, y) -> (x cos - y sin, x sin + y cos)` (RoFormer, Su et al. 2021, eq. 34), so that scores depend on the distance of
/// tokens alone.
///
/// `dims` elements from the start of a row are turned (0: all; even). Offsets are for caches: `key_offset` is the position
/// of key 0 (`kv_cache::first_position`), `query_offset` that of query 0. Without tables every angle is computed anew, which
/// costs more than the attention of short heads; tables (`fill_rotary_tables`) may hold any other angles too.
/// @throws shape_error from `attend` for an odd or too large `dims`, or a table with too few positions
template <rotary_pairs Pairs = rotary_pairs::halves>
struct rotary {
  using policy_category = position_tag;

  float base = 10000.0F;
  std::size_t dims = 0;
  std::size_t query_offset = 0;
  std::size_t key_offset = 0;
  const float* cosines = nullptr;  ///< `[positions, dims / 2]`, or none
  const float* sines = nullptr;    ///< the same
  std::size_t positions = 0;       ///< rows of the tables

  constexpr void check(const attend_call& call) const {
    const std::size_t turned = turned_dims(call.head_dim);
    if (turned > call.head_dim || turned % 2 != 0)
      detail::raise<shape_error>("rotary: dims: expected an even number of at most " + std::to_string(call.head_dim) +
                                 ", got " + std::to_string(turned));
    if ((cosines == nullptr) != (sines == nullptr)) detail::raise<weight_error>("rotary: one of the two tables is not bound");
    if (cosines == nullptr) return;
    require_positions("queries", call.tokens + query_offset);
    require_positions("keys", call.key_tokens + key_offset);
  }

  HEDDLE_HOST_DEVICE void operator()(float* row, std::size_t head_dim, std::size_t /*head*/, std::size_t token,
                                     row_role role) const noexcept {
    const std::size_t position = token + (role == row_role::query ? query_offset : key_offset);
    const std::size_t pairs = turned_dims(head_dim) / 2;
    for (std::size_t i = 0; i < pairs; ++i) {
      float c = 0.0F;
      float s = 0.0F;
      if (cosines != nullptr) {
        c = cosines[position * pairs + i];
        s = sines[position * pairs + i];
      } else {
        const double angle = static_cast<double>(position) *
                             math::pow(static_cast<double>(base), -static_cast<double>(i) / static_cast<double>(pairs));
        c = static_cast<float>(math::cos(angle));
        s = static_cast<float>(math::sin(angle));
      }
      float& a = row[Pairs == rotary_pairs::halves ? i : 2 * i];
      float& b = row[Pairs == rotary_pairs::halves ? i + pairs : 2 * i + 1];
      const float x = a;
      const float y = b;
      a = x * c - y * s;
      b = x * s + y * c;
    }
  }

 private:
  HEDDLE_HOST_DEVICE constexpr std::size_t turned_dims(std::size_t head_dim) const noexcept {
    return dims == 0 ? head_dim : dims;
  }
  constexpr void require_positions(const char* what, std::size_t needed) const {
    if (positions < needed)
      detail::raise<shape_error>("rotary: tables: expected at least " + std::to_string(needed) + " positions for the " + what +
                                 ", got " + std::to_string(positions));
  }
};

}  // namespace heddle::inline v0
