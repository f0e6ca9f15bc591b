/// @file
/// What a warp's matrix instructions compute: fragments as the PTX documentation lays them out over the lanes.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include <heddle/core/dtype.hpp>

#include "block.hpp"

namespace heddle::inline v0::device::emulation {

/// Formats of matrix operands: 16 bits, or 32 of which the unit reads the upper 19.
enum class operand_format : std::uint8_t { bf16, f16, tf32 };

inline float operand_value(operand_format format, std::uint16_t bits) noexcept {
  if (format == operand_format::bf16) return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  return ::heddle::detail::half_bits_to_float(bits);
}
inline float tf32_value(std::uint32_t bits) noexcept { return std::bit_cast<float>(bits & 0xffffe000u); }

/// Eight floats that compilers add and multiply at once, also where they do not look for such loops (-O1).
typedef float eight_columns __attribute__((vector_size(32)));

/// The same in twice the precision, which holds sums of a few products of tf32 exactly.
typedef double eight_doubles __attribute__((vector_size(64)));

/// The floats nearest to these numbers towards zero: the unit cuts sums off, it does not round them.
inline void cut_off(eight_columns& cut, const eight_doubles& exact) noexcept {
  for (unsigned j = 0; j < 8; ++j) {
    float x = static_cast<float>(exact[j]);
    const double back = x;
    if ((back < 0.0 ? -back : back) > (exact[j] < 0.0 ? -exact[j] : exact[j]) && back - back == 0.0)
      x = std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) - 1);
    cut[j] = x;
  }
}

/// c += a b of floats in tf32. The order and the rounding of the sum are not specified; measured devices add four products at
/// a time to the accumulator and cut the result off (Fasi et al. 2021, Numerical behavior of NVIDIA tensor cores). A long
/// chain of such sums drifts towards zero: kernels that must not drift find it out here.
inline void add_products_of_tf32(eight_columns& c, const float* a, const eight_columns* b) noexcept {
  for (unsigned first = 0; first < 8; first += 4) {
    eight_doubles sum;
    for (unsigned j = 0; j < 8; ++j) sum[j] = c[j];
    for (unsigned k = first; k < first + 4; ++k)
      sum += static_cast<double>(a[k]) * __builtin_convertvector(b[k], eight_doubles);
    cut_off(c, sum);
  }
}

/// One lane's share of a product: accumulators [4], A [4], B [2].
struct mma_operands {
  float* c;
  const std::uint32_t* a;
  std::uint32_t b[2];
};

/// C[16][8] += A[16][K] B[K][8] with K = 16, or 8 for tf32. Lane l holds, with g = l / 4 and t = l % 4, of A in register r
/// row g + 8 (r % 2) and columns 2 t + 8 (r / 2) and the next (tf32: column t + 4 (r / 2)), of B in register r rows
/// 2 t + 8 r and the next (t + 4 r) of column g, of C in element r row g + 8 (r / 2), column 2 t + r % 2.
inline void multiply_fragments(operand_format format, mma_operands* const* lanes) {
  float a[16][16];
  eight_columns b[16];
  eight_columns c[16];
  for (unsigned l = 0; l < 32; ++l) {
    const unsigned g = l / 4;
    const unsigned t = l % 4;
    const mma_operands& lane = *lanes[l];
    for (unsigned r = 0; r < 4; ++r) {
      c[g + 8 * (r / 2)][2 * t + r % 2] = lane.c[r];
      const unsigned row = g + 8 * (r % 2);
      if (format == operand_format::tf32) {
        a[row][t + 4 * (r / 2)] = tf32_value(lane.a[r]);
      } else {
        a[row][2 * t + 8 * (r / 2)] = operand_value(format, static_cast<std::uint16_t>(lane.a[r]));
        a[row][2 * t + 8 * (r / 2) + 1] = operand_value(format, static_cast<std::uint16_t>(lane.a[r] >> 16));
      }
    }
    for (unsigned r = 0; r < 2; ++r) {
      if (format == operand_format::tf32) {
        b[t + 4 * r][g] = tf32_value(lane.b[r]);
      } else {
        b[2 * t + 8 * r][g] = operand_value(format, static_cast<std::uint16_t>(lane.b[r]));
        b[2 * t + 8 * r + 1][g] = operand_value(format, static_cast<std::uint16_t>(lane.b[r] >> 16));
      }
    }
  }
  for (unsigned i = 0; i < 16; ++i) {
    if (format == operand_format::tf32) {
      add_products_of_tf32(c[i], a[i], b);
    } else {
      for (unsigned k = 0; k < 16; ++k) c[i] += a[i][k] * b[k];
    }
  }
  for (unsigned l = 0; l < 32; ++l) {
    for (unsigned r = 0; r < 4; ++r) lanes[l]->c[r] = c[l / 4 + 8 * (r / 2)][2 * (l % 4) + r % 2];
  }
  ++counters().products;
}

/// One lane's share of a load of 8x8 matrices of 16-bit elements: the address of a row, and where its elements go.
struct matrix_rows {
  std::uint32_t address;
  std::uint32_t* registers;
};

/// Lane i gives the address of row i % 8 of matrix i / 8; register m of lane l receives elements [g][2 t] and [g][2 t + 1]
/// of matrix m, transposed [2 t][g] and [2 t + 1][g].
inline void load_matrices(block& b, const char* function, unsigned count, bool transposed, matrix_rows* const* lanes,
                          source_line line) {
  const unsigned first = b.lane().thread / 32 * 32;
  for (unsigned m = 0; m < count; ++m) {
    std::uint16_t rows[8][8];
    unsigned uses[8] = {};
    unsigned passes = 0;
    for (unsigned i = 0; i < 8; ++i) {
      const std::uint32_t address = lanes[8 * m + i]->address;
      std::memcpy(rows[i], b.read(function, address, 16, first + 8 * m + i, line), 16);
      bool again = false;  // the same row twice is one access
      for (unsigned j = 0; j < i; ++j) again = again || lanes[8 * m + j]->address == address;
      if (!again) passes = std::max(passes, ++uses[address / 16 % 8]);
    }
    ++counters().matrix_phases;
    counters().matrix_passes += passes;
    for (unsigned l = 0; l < 32; ++l) {
      const unsigned g = l / 4;
      const unsigned t = 2 * (l % 4);
      const std::uint32_t low = transposed ? rows[t][g] : rows[g][t];
      const std::uint32_t high = transposed ? rows[t + 1][g] : rows[g][t + 1];
      lanes[l]->registers[m] = low | high << 16;
    }
  }
}

}  // namespace heddle::inline v0::device::emulation
