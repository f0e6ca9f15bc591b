/// @file
/// The product of weights and values where some values are not finite.
#pragma once

#include <cstdint>

#include <heddle/cuda/attend_flaws.cuh>
#include <heddle/cuda/attend_short_products.cuh>

namespace heddle::inline v0::detail {

/// `o += p v` for a tile of keys: a value that is not finite reaches the outputs of those queries whose weight for its key is
/// not 0, and no others. `Signed`: weights may be negative.
template <class Layout, bool Signed>
struct flawed_product {
  using T = typename Layout::value_type;
  using products = short_products<Layout>;
  using scores_type = typename products::scores_type;
  using outputs_type = typename products::outputs_type;
  using element = flaws<T>;
  static constexpr unsigned key_tiles = products::key_tiles;

  static HEDDLE_DEVICE void add(outputs_type& o, const scores_type& p, device::shared_address v) {
    if constexpr (Layout::split) {
      HEDDLE_DEVICE_UNROLL
      for (unsigned d = 0; d < Layout::tiles_of_dim; ++d) columns_of_floats(o[d], p, v + d * 32U);
    } else {
      HEDDLE_DEVICE_UNROLL
      for (unsigned d = 0; d < Layout::dim / 16; ++d) columns(o[2 * d], o[2 * d + 1], p, v + d * 32U);
    }
  }

 private:
  /// 1 where a weight is there: one of any sign, or one of the sign that is asked for.
  static HEDDLE_DEVICE float there(float weight, bool negative) {
    if constexpr (Signed) {
      return (negative ? weight < 0.0F : weight > 0.0F) ? 1.0F : 0.0F;
    } else {
      return weight != 0.0F ? 1.0F : 0.0F;
    }
  }
  static HEDDLE_DEVICE void add_meaning(float (&o)[4], const float (&codes)[4]) {
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < 4; ++i) o[i] += element::meaning(codes[i]);
  }

  /// Sixteen columns of 16-bit values.
  static HEDDLE_DEVICE void columns(float (&left)[4], float (&right)[4], const scores_type& p, device::shared_address v) {
    const unsigned lane = device::lane();
    const device::shared_address from = v + (lane & 15U) * Layout::row_bytes + (lane >> 4U) * 16U;
    float codes[2][4] = {};
    HEDDLE_DEVICE_UNROLL
    for (unsigned pair = 0; pair < key_tiles / 2; ++pair) {
      std::uint32_t b[4];
      device::load_matrix<true>(b, from + pair * 16U * Layout::row_bytes);
      std::uint32_t a[4];
      weights(a, p[2 * pair], p[2 * pair + 1], [](float w) { return w; });
      device::mma<T>(left, a, element::clean(b[0]), element::clean(b[1]));
      device::mma<T>(right, a, element::clean(b[2]), element::clean(b[3]));
      HEDDLE_DEVICE_UNROLL
      for (unsigned sign = 0; sign < (Signed ? 2U : 1U); ++sign) {
        const bool negative = sign == 1;
        weights(a, p[2 * pair], p[2 * pair + 1], [negative](float w) { return there(w, negative); });
        device::mma<T>(codes[0], a, element::codes(b[0], negative), element::codes(b[1], negative));
        device::mma<T>(codes[1], a, element::codes(b[2], negative), element::codes(b[3], negative));
      }
    }
    add_meaning(left, codes[0]);
    add_meaning(right, codes[1]);
  }
  template <class F>
  static HEDDLE_DEVICE void weights(std::uint32_t (&a)[4], const float (&first)[4], const float (&second)[4], const F& f) {
    a[0] = device::pack<T>(f(first[0]), f(first[1]));
    a[1] = device::pack<T>(f(first[2]), f(first[3]));
    a[2] = device::pack<T>(f(second[0]), f(second[1]));
    a[3] = device::pack<T>(f(second[2]), f(second[3]));
  }

  /// Eight columns of floats, keys in the order of `short_products`.
  static HEDDLE_DEVICE void columns_of_floats(float (&o)[4], const scores_type& p, device::shared_address v) {
    const unsigned lane = device::lane();
    const device::shared_address from = v + 2U * (lane & 3U) * Layout::row_bytes + (lane >> 2U) * 4U;
    float codes[4] = {};
    HEDDLE_DEVICE_UNROLL
    for (unsigned n = 0; n < key_tiles; ++n) {
      const device::shared_view<std::uint32_t> column{from + n * 8U * Layout::row_bytes};
      const std::uint32_t b[2] = {column.load(0), column.load(Layout::pitch)};
      const float w[4] = {p[n][0], p[n][2], p[n][1], p[n][3]};
      std::uint32_t high[4];
      std::uint32_t low[4];
      HEDDLE_DEVICE_UNROLL
      for (unsigned i = 0; i < 4; ++i) {
        const tf32_parts parts(w[i]);
        high[i] = parts.high;
        low[i] = parts.low;
      }
      mma_split(o, high, low, tf32_parts(device::float_of_bits(element::clean(b[0]))),
                tf32_parts(device::float_of_bits(element::clean(b[1]))));
      HEDDLE_DEVICE_UNROLL
      for (unsigned sign = 0; sign < (Signed ? 2U : 1U); ++sign) {
        const bool negative = sign == 1;
        HEDDLE_DEVICE_UNROLL
        for (unsigned i = 0; i < 4; ++i) high[i] = element::number(there(w[i], negative));
        device::mma<device::tf32>(codes, high, element::codes(b[0], negative), element::codes(b[1], negative));
      }
    }
    add_meaning(o, codes);
  }
};

}  // namespace heddle::inline v0::detail
