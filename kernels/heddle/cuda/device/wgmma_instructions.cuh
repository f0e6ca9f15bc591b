/// @file
/// The instructions behind `wgmma_ss` and `wgmma_rs`: one per number of columns and element type. Only for nvcc.
#pragma once

#include "numbers.cuh"

#if !HEDDLE_CUDA_EMULATED

namespace heddle::inline v0::device::detail {

template <class T, unsigned Columns>
struct wgmma_instruction;

// Operands 0 to Columns / 2 - 1 are the accumulators; what follows is numbered from there on.
#define HEDDLE_WGMMA_NAMES_4 "%0, %1, %2, %3"
#define HEDDLE_WGMMA_NAMES_8 \
  HEDDLE_WGMMA_NAMES_4       \
  ", %4, %5, %6, %7"
#define HEDDLE_WGMMA_NAMES_16 \
  HEDDLE_WGMMA_NAMES_8        \
  ", %8, %9, %10, %11, %12, %13, %14, %15"
#define HEDDLE_WGMMA_NAMES_24 \
  HEDDLE_WGMMA_NAMES_16       \
  ", %16, %17, %18, %19, %20, %21, %22, %23"
#define HEDDLE_WGMMA_NAMES_32 \
  HEDDLE_WGMMA_NAMES_24       \
  ", %24, %25, %26, %27, %28, %29, %30, %31"
#define HEDDLE_WGMMA_NAMES_40 \
  HEDDLE_WGMMA_NAMES_32       \
  ", %32, %33, %34, %35, %36, %37, %38, %39"
#define HEDDLE_WGMMA_NAMES_48 \
  HEDDLE_WGMMA_NAMES_40       \
  ", %40, %41, %42, %43, %44, %45, %46, %47"
#define HEDDLE_WGMMA_NAMES_64 \
  HEDDLE_WGMMA_NAMES_48       \
  ", %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define HEDDLE_WGMMA_NAMES_80 \
  HEDDLE_WGMMA_NAMES_64       \
  ", %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79"
#define HEDDLE_WGMMA_NAMES_96 \
  HEDDLE_WGMMA_NAMES_80       \
  ", %80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95"
#define HEDDLE_WGMMA_NAMES_128                                                                   \
  HEDDLE_WGMMA_NAMES_96                                                                          \
  ", %96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111" \
  ", %112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
#define HEDDLE_WGMMA_REGISTERS_4(d, i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define HEDDLE_WGMMA_REGISTERS_8(d, i) HEDDLE_WGMMA_REGISTERS_4(d, i), HEDDLE_WGMMA_REGISTERS_4(d, i + 4)
#define HEDDLE_WGMMA_REGISTERS_16(d, i) HEDDLE_WGMMA_REGISTERS_8(d, i), HEDDLE_WGMMA_REGISTERS_8(d, i + 8)
#define HEDDLE_WGMMA_REGISTERS_24(d, i) HEDDLE_WGMMA_REGISTERS_16(d, i), HEDDLE_WGMMA_REGISTERS_8(d, i + 16)
#define HEDDLE_WGMMA_REGISTERS_32(d, i) HEDDLE_WGMMA_REGISTERS_16(d, i), HEDDLE_WGMMA_REGISTERS_16(d, i + 16)
#define HEDDLE_WGMMA_REGISTERS_40(d, i) HEDDLE_WGMMA_REGISTERS_32(d, i), HEDDLE_WGMMA_REGISTERS_8(d, i + 32)
#define HEDDLE_WGMMA_REGISTERS_48(d, i) HEDDLE_WGMMA_REGISTERS_32(d, i), HEDDLE_WGMMA_REGISTERS_16(d, i + 32)
#define HEDDLE_WGMMA_REGISTERS_64(d, i) HEDDLE_WGMMA_REGISTERS_32(d, i), HEDDLE_WGMMA_REGISTERS_32(d, i + 32)
#define HEDDLE_WGMMA_REGISTERS_80(d, i) HEDDLE_WGMMA_REGISTERS_64(d, i), HEDDLE_WGMMA_REGISTERS_16(d, i + 64)
#define HEDDLE_WGMMA_REGISTERS_96(d, i) HEDDLE_WGMMA_REGISTERS_64(d, i), HEDDLE_WGMMA_REGISTERS_32(d, i + 64)
#define HEDDLE_WGMMA_REGISTERS_128(d, i) HEDDLE_WGMMA_REGISTERS_64(d, i), HEDDLE_WGMMA_REGISTERS_64(d, i + 64)

#define HEDDLE_WGMMA(T, N, R, R0, R1, R2, R3, R4, R5, R6)                                                                    \
  template <>                                                                                                                \
  struct wgmma_instruction<T, N> {                                                                                           \
    template <int TransposedA, int TransposedB>                                                                              \
    static __device__ __forceinline__ void ss(float (&d)[R], std::uint64_t a, std::uint64_t b, int accumulate) {             \
      asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #R2                                                                  \
                   ", 0;\n"                                                                                                  \
                   "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32." #T "." #T " {" HEDDLE_WGMMA_NAMES_##R                   \
                   "}, %" #R0 ", %" #R1 ", p, 1, 1, %" #R3 ", %" #R4 ";\n}\n"                                                \
                   : HEDDLE_WGMMA_REGISTERS_##R(d, 0)                                                                        \
                   : "l"(a), "l"(b), "r"(accumulate), "n"(TransposedA), "n"(TransposedB));                                   \
    }                                                                                                                        \
    template <int TransposedB>                                                                                               \
    static __device__ __forceinline__ void rs(float (&d)[R], const std::uint32_t (&a)[4], std::uint64_t b, int accumulate) { \
      asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #R5                                                                  \
                   ", 0;\n"                                                                                                  \
                   "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32." #T "." #T " {" HEDDLE_WGMMA_NAMES_##R                   \
                   "}, {%" #R0 ", %" #R1 ", %" #R2 ", %" #R3 "}, %" #R4 ", p, 1, 1, %" #R6 ";\n}\n"                          \
                   : HEDDLE_WGMMA_REGISTERS_##R(d, 0)                                                                        \
                   : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(accumulate), "n"(TransposedB));                 \
    }                                                                                                                        \
  };

HEDDLE_WGMMA(bf16, 8, 4, 4, 5, 6, 7, 8, 9, 10)
HEDDLE_WGMMA(bf16, 16, 8, 8, 9, 10, 11, 12, 13, 14)
HEDDLE_WGMMA(bf16, 32, 16, 16, 17, 18, 19, 20, 21, 22)
HEDDLE_WGMMA(bf16, 48, 24, 24, 25, 26, 27, 28, 29, 30)
HEDDLE_WGMMA(bf16, 64, 32, 32, 33, 34, 35, 36, 37, 38)
HEDDLE_WGMMA(bf16, 80, 40, 40, 41, 42, 43, 44, 45, 46)
HEDDLE_WGMMA(bf16, 96, 48, 48, 49, 50, 51, 52, 53, 54)
HEDDLE_WGMMA(bf16, 128, 64, 64, 65, 66, 67, 68, 69, 70)
HEDDLE_WGMMA(bf16, 160, 80, 80, 81, 82, 83, 84, 85, 86)
HEDDLE_WGMMA(bf16, 192, 96, 96, 97, 98, 99, 100, 101, 102)
HEDDLE_WGMMA(bf16, 256, 128, 128, 129, 130, 131, 132, 133, 134)
HEDDLE_WGMMA(f16, 8, 4, 4, 5, 6, 7, 8, 9, 10)
HEDDLE_WGMMA(f16, 16, 8, 8, 9, 10, 11, 12, 13, 14)
HEDDLE_WGMMA(f16, 32, 16, 16, 17, 18, 19, 20, 21, 22)
HEDDLE_WGMMA(f16, 48, 24, 24, 25, 26, 27, 28, 29, 30)
HEDDLE_WGMMA(f16, 64, 32, 32, 33, 34, 35, 36, 37, 38)
HEDDLE_WGMMA(f16, 80, 40, 40, 41, 42, 43, 44, 45, 46)
HEDDLE_WGMMA(f16, 96, 48, 48, 49, 50, 51, 52, 53, 54)
HEDDLE_WGMMA(f16, 128, 64, 64, 65, 66, 67, 68, 69, 70)
HEDDLE_WGMMA(f16, 160, 80, 80, 81, 82, 83, 84, 85, 86)
HEDDLE_WGMMA(f16, 192, 96, 96, 97, 98, 99, 100, 101, 102)
HEDDLE_WGMMA(f16, 256, 128, 128, 129, 130, 131, 132, 133, 134)

#undef HEDDLE_WGMMA
#undef HEDDLE_WGMMA_NAMES_4
#undef HEDDLE_WGMMA_REGISTERS_4
#undef HEDDLE_WGMMA_NAMES_8
#undef HEDDLE_WGMMA_REGISTERS_8
#undef HEDDLE_WGMMA_NAMES_16
#undef HEDDLE_WGMMA_REGISTERS_16
#undef HEDDLE_WGMMA_NAMES_24
#undef HEDDLE_WGMMA_REGISTERS_24
#undef HEDDLE_WGMMA_NAMES_32
#undef HEDDLE_WGMMA_REGISTERS_32
#undef HEDDLE_WGMMA_NAMES_40
#undef HEDDLE_WGMMA_REGISTERS_40
#undef HEDDLE_WGMMA_NAMES_48
#undef HEDDLE_WGMMA_REGISTERS_48
#undef HEDDLE_WGMMA_NAMES_64
#undef HEDDLE_WGMMA_REGISTERS_64
#undef HEDDLE_WGMMA_NAMES_80
#undef HEDDLE_WGMMA_REGISTERS_80
#undef HEDDLE_WGMMA_NAMES_96
#undef HEDDLE_WGMMA_REGISTERS_96
#undef HEDDLE_WGMMA_NAMES_128
#undef HEDDLE_WGMMA_REGISTERS_128

}  // namespace heddle::inline v0::device::detail

#endif
