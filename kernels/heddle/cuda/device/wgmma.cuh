/// @file
/// Products of a warpgroup (sm_90a): 64 rows by N columns by 16, operands in shared memory or A in registers, sums in
/// registers of 128 lanes. They run asynchronously:
///
///     wgmma_fence(); wgmma_ss<bf16, 64>(c, a, b, false); ... wgmma_commit(); wgmma_wait<0>(c);
///
/// Until then neither the accumulators nor the registers of A may be touched, nor the operands in shared memory written.
#pragma once

#include "mbarrier.cuh"
#include "numbers.cuh"
#include "swizzle.hpp"
#include "wgmma_instructions.cuh"

namespace heddle::inline v0::device {

/// The sums of `Columns` columns: element i of lane l of warp w of the warpgroup is row 16 w + l / 4 + 8 (i / 2 % 2), column
/// 8 (i / 4) + 2 (l % 4) + i % 2. Indices must be constants once loops are unrolled.
template <unsigned Columns>
struct accumulator {
  static_assert(Columns % 8 == 0 && Columns >= 8 && Columns <= 256, "8 to 256 columns, a multiple of 8");
  static constexpr unsigned size = Columns / 2;
  float values[size];
#if HEDDLE_CUDA_EMULATED
  emulation::source_line pending{};  // where a product was started that nobody has waited for
  void check() const {
    if (pending.line == 0) return;
    auto& m = emulation::machine::current();
    m.report(emulation::problem::pending_register, pending, {}, [&] {
      return "lane " + std::to_string(m.lane().thread) + " uses an accumulator of the product started at " +
             emulation::to_string(pending) + " before wgmma_wait";
    });
  }
#endif

  HEDDLE_DEVICE float& operator[](unsigned i) {
#if HEDDLE_CUDA_EMULATED
    check();
#endif
    return values[i];
  }
  HEDDLE_DEVICE float operator[](unsigned i) const {
#if HEDDLE_CUDA_EMULATED
    check();
#endif
    return values[i];
  }
  HEDDLE_DEVICE void clear() {
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < size; ++i) (*this)[i] = 0.0f;
  }
};

/// Names an operand in shared memory. `stride` and `leading` are bytes between its blocks; with a span S of the swizzle
/// (tiles from multiples of 8 S on, as the tile engine writes them):
///
/// | | rows of S bytes hold | `stride` | `leading` |
/// |---|---|---|---|
/// | neighbours along k (not transposed) | k | from 8 rows of M or N to the next 8 | not used |
/// | neighbours along M or N (transposed) | S / 2 elements of M or N | from 8 values of k to the next 8 | to the next S / 2 elements |
///
/// Unswizzled the blocks are 8 x 16 bytes, `stride` along M or N and `leading` along k, transposed as well.
/// Products with further k start at `+ 32` bytes, transposed at two strides: `advanced`.
HEDDLE_DEVICE std::uint64_t matrix_descriptor(shared_address address, unsigned leading, unsigned stride, swizzle mode) {
  return (static_cast<std::uint64_t>(address) & 0x3ffff) >> 4 | static_cast<std::uint64_t>(leading >> 4) << 16 |
         static_cast<std::uint64_t>(stride >> 4) << 32 | static_cast<std::uint64_t>(mode) << 62;
}
/// The same operand `bytes` further on.
HEDDLE_DEVICE std::uint64_t advanced(std::uint64_t descriptor, unsigned bytes) { return descriptor + (bytes >> 4); }

/// Registers written before are visible to the products that follow. Once before the first product of a batch.
HEDDLE_DEVICE void wgmma_fence(HEDDLE_ONLY_LINE) {
#if HEDDLE_CUDA_EMULATED
  auto& m = emulation::machine::current();
  m.products.fence(m, line);
#else
  HEDDLE_SM90A(asm volatile("wgmma.fence.sync.aligned;" :: : "memory"));
#endif
}

/// The products started since the last commit become a group.
HEDDLE_DEVICE void wgmma_commit(HEDDLE_ONLY_LINE) {
#if HEDDLE_CUDA_EMULATED
  auto& m = emulation::machine::current();
  m.products.commit(m, line);
#else
  HEDDLE_SM90A(asm volatile("wgmma.commit_group.sync.aligned;" :: : "memory"));
#endif
}

/// Waits for all groups but the last `Pending`.
template <unsigned Pending>
HEDDLE_DEVICE void wgmma_wait(HEDDLE_ONLY_LINE) {
#if HEDDLE_CUDA_EMULATED
  auto& m = emulation::machine::current();
  m.products.wait(m, Pending, line);
#else
  HEDDLE_SM90A(asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Pending) : "memory"));
#endif
}

/// Keeps the compiler from moving uses of these registers across this point: it does not know that products run on.
template <unsigned Columns>
HEDDLE_DEVICE void pin([[maybe_unused]] accumulator<Columns>& c) {
#if !HEDDLE_CUDA_EMULATED
  HEDDLE_DEVICE_UNROLL
  for (unsigned i = 0; i < accumulator<Columns>::size; ++i) asm volatile("" : "+f"(c.values[i])::"memory");
#endif
}
template <unsigned N>
HEDDLE_DEVICE void pin([[maybe_unused]] std::uint32_t (&registers)[N]) {
#if !HEDDLE_CUDA_EMULATED
  HEDDLE_DEVICE_UNROLL
  for (unsigned i = 0; i < N; ++i) asm volatile("" : "+r"(registers[i])::"memory");
#endif
}

/// Waits for all groups but the last `Pending`, after which `c` may be used.
template <unsigned Pending, unsigned Columns>
HEDDLE_DEVICE void wgmma_wait(accumulator<Columns>& c HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  auto& m = emulation::machine::current();
  m.products.wait(m, Pending, line);
  static_cast<void>(c);
#else
  HEDDLE_SM90A(asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Pending) : "memory"));
  pin(c);
#endif
}

#if HEDDLE_CUDA_EMULATED
namespace detail {
template <class T>
constexpr emulation::warpgroup_shape product_shape(unsigned columns, bool a, bool b, const char* function) noexcept {
  static_assert(std::is_same_v<T, bf16> || std::is_same_v<T, f16>, "products of bf16 or f16");
  return {std::is_same_v<T, bf16> ? emulation::operand_format::bf16 : emulation::operand_format::f16, columns, a, b, function};
}
}  // namespace detail
#endif

/// Starts C = A B (+ C if `accumulate`) with A[64][16] and B[16][Columns] of `T` (bf16 or f16) in shared memory. `TransposedA`,
/// `TransposedB`: neighbours along M (N) are neighbours in memory, else along k. Columns: 8, 16, 32, 48, 64, 80, 96, 128,
/// 160, 192, 256.
template <class T, unsigned Columns, bool TransposedA = false, bool TransposedB = false>
HEDDLE_DEVICE void wgmma_ss(accumulator<Columns>& c, std::uint64_t a, std::uint64_t b, bool accumulate HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  auto& m = emulation::machine::current();
  m.products.issue(m, detail::product_shape<T>(Columns, TransposedA, TransposedB, "wgmma_ss"),
                   {c.values, &c.pending, nullptr, a, b, accumulate}, line);
#else
  HEDDLE_SM90A(detail::wgmma_instruction<T, Columns>::template ss<TransposedA ? 1 : 0, TransposedB ? 1 : 0>(
      c.values, a, b, accumulate ? 1 : 0));
#endif
}

/// The same with A in registers, laid out as `mma`'s A for each warp's 16 rows.
template <class T, unsigned Columns, bool TransposedB = false>
HEDDLE_DEVICE void wgmma_rs(accumulator<Columns>& c, const std::uint32_t (&a)[4], std::uint64_t b,
                            bool accumulate HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  auto& m = emulation::machine::current();
  m.products.issue(m, detail::product_shape<T>(Columns, false, TransposedB, "wgmma_rs"),
                   {c.values, &c.pending, a, 0, b, accumulate}, line);
#else
  HEDDLE_SM90A(detail::wgmma_instruction<T, Columns>::template rs<TransposedB ? 1 : 0>(c.values, a, b, accumulate ? 1 : 0));
#endif
}

}  // namespace heddle::inline v0::device
