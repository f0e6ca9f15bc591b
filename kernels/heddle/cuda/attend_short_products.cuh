/// @file
/// The two products of a small problem: queries times keys, and weights times values, from rows in shared memory.
#pragma once

#include <cstdint>
#include <type_traits>

#include <heddle/cuda/attend_short_layout.cuh>
#include <heddle/cuda/device/device.cuh>

namespace heddle::inline v0::detail {

/// A float as the sum of two numbers of 11 significant bits (tf32), both cut off: what is left out is below 2^-22 of it.
struct tf32_parts {
  std::uint32_t high;
  std::uint32_t low;

  HEDDLE_DEVICE explicit tf32_parts(float x) noexcept {
    high = device::bits_of_float(x) & 0xffffe000U;
    low = device::bits_of_float(x - device::float_of_bits(high)) & 0xffffe000U;
  }
};

/// `c += a b` in the accuracy of floats, but for the product of the two small parts. The units cut sums off instead of rounding
/// them, which would add up over many keys: the three products start from zero and are added in ordinary arithmetic.
HEDDLE_DEVICE void mma_split(float (&c)[4], const std::uint32_t (&high)[4], const std::uint32_t (&low)[4], const tf32_parts& b0,
                             const tf32_parts& b1) {
  float part[4] = {};
  device::mma<device::tf32>(part, low, b0.high, b1.high);
  device::mma<device::tf32>(part, high, b0.low, b1.low);
  device::mma<device::tf32>(part, high, b0.high, b1.high);
  HEDDLE_DEVICE_UNROLL
  for (unsigned i = 0; i < 4; ++i) c[i] += part[i];
}

/// Sixteen queries of a warp and up to 64 keys. Scores and outputs are accumulators: element `i` of tile `n` belongs to row
/// `lane / 4 + 8 (i / 2)` and column `8 n + 2 (lane % 4) + i % 2`.
template <class Layout>
struct short_products {
  using value_type = typename Layout::value_type;
  static constexpr unsigned key_tiles = Layout::chunk_keys / 8;
  static constexpr unsigned row_bytes = Layout::row_bytes;
  static constexpr unsigned element = sizeof(value_type);
  using scores_type = float[key_tiles][4];
  using outputs_type = float[Layout::tiles_of_dim][4];

  /// `s = q k^T` for the first `tiles` groups of 8 keys; `q`: row 0 of the tile, `k`: row 0 of the chunk.
  static HEDDLE_DEVICE void scores(scores_type& s, device::shared_address q, device::shared_address k, unsigned tiles) {
    const unsigned lane = device::lane();
    // Each of the four matrices of 8 rows and 16 bytes that one instruction loads has its row's address from 8 lanes.
    const device::shared_address from_q = q + (lane & 15U) * row_bytes + (lane >> 4U) * 16U;
    const device::shared_address from_k = k + ((lane & 7U) + (lane >> 4U) * 8U) * row_bytes + ((lane >> 3U) & 1U) * 16U;
    HEDDLE_DEVICE_UNROLL
    for (unsigned n = 0; n < key_tiles; ++n) {
      HEDDLE_DEVICE_UNROLL
      for (unsigned i = 0; i < 4; ++i) s[n][i] = 0.0F;
    }
    HEDDLE_DEVICE_UNROLL
    for (unsigned step = 0; step < Layout::dim * element / 32; ++step) {
      std::uint32_t a[4];
      device::load_matrix<false>(a, from_q + step * 32U);
      if constexpr (Layout::split) {
        std::uint32_t high[4];
        std::uint32_t low[4];
        split_registers(a, high, low);
        HEDDLE_DEVICE_UNROLL
        for (unsigned pair = 0; pair < key_tiles / 2; ++pair) {
          if (2 * pair >= tiles) break;
          std::uint32_t b[4];
          device::load_matrix<false>(b, from_k + pair * 16U * row_bytes + step * 32U);
          mma_split(s[2 * pair], high, low, parts_of(b[0]), parts_of(b[1]));
          if (2 * pair + 1 < tiles) mma_split(s[2 * pair + 1], high, low, parts_of(b[2]), parts_of(b[3]));
        }
      } else {
        HEDDLE_DEVICE_UNROLL
        for (unsigned pair = 0; pair < key_tiles / 2; ++pair) {
          if (2 * pair >= tiles) break;
          std::uint32_t b[4];
          device::load_matrix<false>(b, from_k + pair * 16U * row_bytes + step * 32U);
          device::mma<value_type>(s[2 * pair], a, b[0], b[1]);
          if (2 * pair + 1 < tiles) device::mma<value_type>(s[2 * pair + 1], a, b[2], b[3]);
        }
      }
    }
  }

  /// `o += p v`; the accumulators of two neighbouring tiles of weights are the operand of the product, without shared memory.
  /// Weights of tiles from `tiles` on are 0.
  static HEDDLE_DEVICE void values(outputs_type& o, const scores_type& p, device::shared_address v, unsigned tiles) {
    if constexpr (Layout::split) {
      values_of_floats(o, p, v, tiles);
    } else {
      const unsigned lane = device::lane();
      const device::shared_address from = v + (lane & 15U) * row_bytes + (lane >> 4U) * 16U;
      HEDDLE_DEVICE_UNROLL
      for (unsigned pair = 0; pair < key_tiles / 2; ++pair) {
        if (2 * pair >= tiles) break;
        const std::uint32_t a[4] = {device::pack<value_type>(p[2 * pair][0], p[2 * pair][1]),
                                    device::pack<value_type>(p[2 * pair][2], p[2 * pair][3]),
                                    device::pack<value_type>(p[2 * pair + 1][0], p[2 * pair + 1][1]),
                                    device::pack<value_type>(p[2 * pair + 1][2], p[2 * pair + 1][3])};
        HEDDLE_DEVICE_UNROLL
        for (unsigned d = 0; d < Layout::dim / 16; ++d) {
          std::uint32_t b[4];
          device::load_matrix<true>(b, from + pair * 16U * row_bytes + d * 32U);
          device::mma<value_type>(o[2 * d], a, b[0], b[1]);
          device::mma<value_type>(o[2 * d + 1], a, b[2], b[3]);
        }
      }
    }
  }

 private:
  static HEDDLE_DEVICE tf32_parts parts_of(std::uint32_t bits) { return tf32_parts(device::float_of_bits(bits)); }
  static HEDDLE_DEVICE void split_registers(const std::uint32_t (&a)[4], std::uint32_t (&high)[4], std::uint32_t (&low)[4]) {
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < 4; ++i) {
      const tf32_parts x = parts_of(a[i]);
      high[i] = x.high;
      low[i] = x.low;
    }
  }

  /// Eight keys at a time, in an order of their own: what a lane holds of columns 2t and 2t + 1 is what the operand has in t
  /// and t + 4, if the rows of values are taken in the same order.
  static HEDDLE_DEVICE void values_of_floats(outputs_type& o, const scores_type& p, device::shared_address v, unsigned tiles) {
    const unsigned lane = device::lane();
    const device::shared_address from = v + 2U * (lane & 3U) * row_bytes + (lane >> 2U) * 4U;
    HEDDLE_DEVICE_UNROLL
    for (unsigned n = 0; n < key_tiles; ++n) {
      if (n >= tiles) break;
      const std::uint32_t a[4] = {device::bits_of_float(p[n][0]), device::bits_of_float(p[n][2]),
                                  device::bits_of_float(p[n][1]), device::bits_of_float(p[n][3])};
      std::uint32_t high[4];
      std::uint32_t low[4];
      split_registers(a, high, low);
      HEDDLE_DEVICE_UNROLL
      for (unsigned d = 0; d < Layout::tiles_of_dim; ++d) {
        const device::shared_view<float> pair{from + n * 8U * row_bytes + d * 32U};
        mma_split(o[d], high, low, tf32_parts(pair.load(0)), tf32_parts(pair.load(Layout::pitch)));
      }
    }
  }
};

/// Adds values that are not finite, key by key, to the rows that see them; in shared memory they are zeros. What is hidden is
/// not multiplied at all. `weight(n, j)`: element `j` of tile `n` of the weights, for constants. `flawed(i)` and `row(i)` (the
/// values of a key, or null) are the same for all lanes; `visible(h, i, w)` is asked for row `lane / 4 + 8 h`, whose weight is w.
template <unsigned HeadDim, unsigned Tiles, class Outputs, class Weight, class Flawed, class Visible, class Row>
HEDDLE_DEVICE void add_single_values(const Weight& weight, Outputs&& o, unsigned keys, const Flawed& flawed,
                                     const Visible& visible, const Row& row) {
  const unsigned lane = device::lane();
  HEDDLE_DEVICE_NO_UNROLL
  for (unsigned i = 0; i < keys; ++i) {
    if (!flawed(i)) continue;
    const auto* const values = row(i);
    if (values == nullptr) continue;
    float mine[2] = {0.0F, 0.0F};
    HEDDLE_DEVICE_UNROLL
    for (unsigned n = 0; n < Tiles; ++n) {
      HEDDLE_DEVICE_UNROLL
      for (unsigned j = 0; j < 4; ++j)
        if (8U * n + (j & 1U) == (i & ~6U)) mine[j >> 1U] = weight(n, j);
    }
    HEDDLE_DEVICE_UNROLL
    for (unsigned h = 0; h < 2; ++h) {
      const float w = device::shuffle(mine[h], (lane & ~3U) | ((i >> 1U) & 3U));
      if (!visible(h, i, w)) continue;
      HEDDLE_DEVICE_UNROLL
      for (unsigned d = 0; d < (HeadDim + 7) / 8; ++d) {
        HEDDLE_DEVICE_UNROLL
        for (unsigned j = 0; j < 2; ++j) {
          const unsigned column = 8U * d + 2U * (lane & 3U) + j;
          if (column >= HeadDim) continue;
          const float x = device::to_float(device::load_global(values + column));
          if (x - x != 0.0F) o(d, 2 * h + j) += w * x;
        }
      }
    }
  }
}

/// A register of elements of `T` (one float, or two of 16 bits) holds infinity or NaN.
template <class T>
HEDDLE_DEVICE bool not_finite(std::uint32_t bits) {
  if constexpr (sizeof(T) == 4) {
    return (bits & 0x7f800000U) == 0x7f800000U;
  } else {
    constexpr std::uint32_t exponent = std::is_same_v<T, bfloat16> ? 0x7f80U : 0x7c00U;
    return (bits & exponent) == exponent || (bits >> 16U & exponent) == exponent;
  }
}

/// Zeroes what is not finite in 16 bytes of shared memory; whether there was something.
template <class T>
HEDDLE_DEVICE bool take_out_flaws(device::shared_address at) {
  using words = device::vector<std::uint32_t, 4>;
  const words w = device::shared_load<words>(at);
  if (!(not_finite<T>(w[0]) || not_finite<T>(w[1]) || not_finite<T>(w[2]) || not_finite<T>(w[3]))) return false;
  for (unsigned e = 0; e < 16 / sizeof(T); ++e) {
    const float x = device::to_float(device::shared_view<T>{at}.load(e));
    if (x - x != 0.0F) device::shared_view<T>{at}.store(e, T{});
  }
  return true;
}

/// The same for a row.
template <class Layout>
HEDDLE_DEVICE bool take_out_flaws_of_row(device::shared_address row) {
  bool flawed = false;
  HEDDLE_DEVICE_NO_UNROLL
  for (unsigned at = 0; at < Layout::dim * Layout::element_bytes; at += 16U)
    if (take_out_flaws<typename Layout::value_type>(row + at)) flawed = true;
  return flawed;
}

}  // namespace heddle::inline v0::detail
