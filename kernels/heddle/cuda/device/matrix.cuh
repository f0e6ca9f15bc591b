/// @file
/// Matrix instructions of a warp. Fragments lie over the lanes as in the PTX documentation; with g = lane / 4, t = lane % 4:
///
/// | | element of register r | |
/// |---|---|---|
/// | A of 16x16, 16-bit | rows g + 8 (r % 2), columns 2 t + 8 (r / 2) and the next | low half first |
/// | B of 16x8, 16-bit | rows 2 t + 8 r and the next, column g | low half first |
/// | A of 16x8, tf32 | row g + 8 (r % 2), column t + 4 (r / 2) | |
/// | B of 8x8, tf32 | row t + 4 r, column g | |
/// | C of 16x8 | row g + 8 (r / 2), column 2 t + r % 2 | |
///
/// So C of two neighbouring products, packed in pairs, is A of the next one.
#pragma once

#include "numbers.cuh"
#include "place.cuh"
#if HEDDLE_CUDA_EMULATED
#include <heddle/cuda/emulation/matrix.hpp>
#endif

namespace heddle::inline v0::device {

/// Loads `N` (1, 2 or 4) matrices of 8x8 16-bit elements. Lane i gives the address of row i % 8 of matrix i / 8 (lanes
/// from 8 N on: any valid row). Register m of lane l receives [g][2 t] and [g][2 t + 1] of matrix m; if `Transposed`
/// [2 t][g] and [2 t + 1][g]. Rows are 16 bytes, aligned.
template <bool Transposed = false, unsigned N>
HEDDLE_DEVICE void load_matrix(std::uint32_t (&registers)[N], shared_address address HEDDLE_LINE) {
  static_assert(N == 1 || N == 2 || N == 4, "one, two or four matrices");
#if HEDDLE_CUDA_EMULATED
  auto& m = emulation::machine::current();
  const char* function = Transposed ? "load_matrix<true>" : "load_matrix";
  emulation::matrix_rows mine{address, registers};
  m.warp_together(function, N, line, mine, [&](emulation::matrix_rows* const* lanes) {
    emulation::load_matrices(m, function, N, Transposed, lanes, line);
  });
#else
  if constexpr (N == 1 && !Transposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];" : "=r"(registers[0]) : "r"(address) : "memory");
  } else if constexpr (N == 1) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];" : "=r"(registers[0]) : "r"(address) : "memory");
  } else if constexpr (N == 2 && !Transposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                 : "=r"(registers[0]), "=r"(registers[1])
                 : "r"(address)
                 : "memory");
  } else if constexpr (N == 2) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                 : "=r"(registers[0]), "=r"(registers[1])
                 : "r"(address)
                 : "memory");
  } else if constexpr (!Transposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
                 : "r"(address)
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
                 : "r"(address)
                 : "memory");
  }
#endif
}

/// C += A B. `T` is bf16 or f16 (C[16][8], A[16][16], B[16][8]) or tf32 (A[16][8], B[8][8], in registers by `to_tf32`).
/// Sums are of 32-bit floats; the unit's order and rounding inside one product are not specified.
template <class T>
HEDDLE_DEVICE void mma(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1 HEDDLE_LINE) {
  static_assert(std::is_same_v<T, bf16> || std::is_same_v<T, f16> || std::is_same_v<T, tf32>, "products of bf16, f16 or tf32");
#if HEDDLE_CUDA_EMULATED
  constexpr auto format = std::is_same_v<T, bf16>  ? emulation::operand_format::bf16
                          : std::is_same_v<T, f16> ? emulation::operand_format::f16
                                                   : emulation::operand_format::tf32;
  emulation::mma_operands mine{c, a, {b0, b1}};
  emulation::machine::current().warp_together(
      "mma", static_cast<std::uint64_t>(format), line, mine,
      [](emulation::mma_operands* const* lanes) { emulation::multiply_fragments(format, lanes); });
#else
  if constexpr (std::is_same_v<T, bf16>) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  } else if constexpr (std::is_same_v<T, f16>) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  } else {
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }
#endif
}

}  // namespace heddle::inline v0::device
