/// @file
/// Tiles of tensors copied by the tensor map engine (TMA, sm_90a): one lane starts a copy of a whole box.
#pragma once

#include <string>
#include <type_traits>

#include <heddle/core/error.hpp>

#include "mbarrier.cuh"
#include "numbers.cuh"
#include "swizzle.hpp"
#if !HEDDLE_CUDA_EMULATED
#include <cuda.h>
#endif

namespace heddle::inline v0::device {

/// A tensor and the boxes that tiles of it have, as the engine wants it: made on the host, a parameter of the kernel.
struct tensor_map {
#if HEDDLE_CUDA_EMULATED
  emulation::tile_description description;
#else
  CUtensorMap description;
#endif
};

namespace detail {

template <class T, unsigned Rank>
void check_tensor_map(const T* base, const std::uint64_t (&extents)[Rank], const std::uint64_t* strides,
                      const std::uint32_t (&box)[Rank], swizzle mode) {
  const auto refuse = [](const char* sentence) {
    ::heddle::detail::raise<::heddle::error>(std::string("tensor map: ") + sentence);
  };
  if (reinterpret_cast<std::uintptr_t>(base) % 16 != 0) refuse("the tensor must be aligned to 16 bytes");
  for (unsigned r = 0; r < Rank; ++r) {
    if (extents[r] == 0 || extents[r] >> 32 != 0) refuse("extents must be 1 to 2^32");
    if (box[r] == 0 || box[r] > 256) refuse("a box has 1 to 256 elements along each axis");
    if (r + 1 < Rank && (strides[r] % 16 != 0 || strides[r] >> 40 != 0))
      refuse("strides must be multiples of 16 bytes, below 2^40");
  }
  const std::size_t inner = box[0] * sizeof(T);
  if (inner % 16 != 0) refuse("the innermost axis of a box must be a multiple of 16 bytes");
  if (mode != swizzle::none && inner > span_bytes(mode))
    refuse("the innermost axis of a box is longer than the swizzle's span");
}

}  // namespace detail

/// Describes a tensor of bf16, f16 or float. Axes go from the innermost (contiguous) out: `extents` [Rank] in elements,
/// `strides` [Rank - 1] in bytes of the axes after the first, `box` [Rank] in elements. Raises `heddle::error` for what the
/// engine cannot do.
template <class T, unsigned Rank>
tensor_map make_tensor_map(const T* base, const std::uint64_t (&extents)[Rank], const std::uint64_t* strides,
                           const std::uint32_t (&box)[Rank], swizzle mode) {
  static_assert(Rank >= 2 && Rank <= 5, "tensors of 2 to 5 axes");
  static_assert(std::is_same_v<T, bf16> || std::is_same_v<T, f16> || std::is_same_v<T, float>, "tensors of bf16, f16 or float");
  detail::check_tensor_map(base, extents, strides, box, mode);
  tensor_map map{};
#if HEDDLE_CUDA_EMULATED
  auto& d = map.description;
  d.base = base;
  d.rank = Rank;
  d.element_bytes = sizeof(T);
  d.mode = mode;
  for (unsigned r = 0; r < Rank; ++r) {
    d.extents[r] = extents[r];
    d.strides[r] = r == 0 ? sizeof(T) : strides[r - 1];
    d.box[r] = box[r];
  }
#else
  using encode = CUresult (*)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*, const cuuint64_t*,
                              const cuuint32_t*, const cuuint32_t*, CUtensorMapInterleave, CUtensorMapSwizzle,
                              CUtensorMapL2promotion, CUtensorMapFloatOOBfill);
  static void* const entry = [] {  // from the driver that is loaded: nothing more to link
    void* function = nullptr;
    cudaDriverEntryPointQueryResult found{};
#if CUDART_VERSION >= 12050
    const cudaError_t status =
        cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &found);
#else
    const cudaError_t status = cudaGetDriverEntryPoint("cuTensorMapEncodeTiled", &function, cudaEnableDefault, &found);
#endif
    return status == cudaSuccess && found == cudaDriverEntryPointSuccess ? function : nullptr;
  }();
  if (entry == nullptr) ::heddle::detail::raise<::heddle::error>("tensor map: this driver has no tensor maps");
  constexpr auto type = std::is_same_v<T, bf16>  ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
                        : std::is_same_v<T, f16> ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16
                                                 : CU_TENSOR_MAP_DATA_TYPE_FLOAT32;
  const auto swizzling = mode == swizzle::bytes_128  ? CU_TENSOR_MAP_SWIZZLE_128B
                         : mode == swizzle::bytes_64 ? CU_TENSOR_MAP_SWIZZLE_64B
                         : mode == swizzle::bytes_32 ? CU_TENSOR_MAP_SWIZZLE_32B
                                                     : CU_TENSOR_MAP_SWIZZLE_NONE;
  cuuint64_t lengths[Rank];
  cuuint64_t steps[Rank];
  cuuint32_t ones[Rank];
  for (unsigned r = 0; r < Rank; ++r) {
    lengths[r] = extents[r];
    steps[r] = r + 1 < Rank ? strides[r] : 0;
    ones[r] = 1;
  }
  const CUresult status = reinterpret_cast<encode>(entry)(
      &map.description, type, Rank, const_cast<T*>(base), lengths, steps, box, ones, CU_TENSOR_MAP_INTERLEAVE_NONE, swizzling,
      CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (status != CUDA_SUCCESS)
    ::heddle::detail::raise<::heddle::error>("tensor map: refused by the driver (error " +
                                             std::to_string(static_cast<int>(status)) + ')');
#endif
  return map;
}

/// Starts loading the box whose first element is `at` (innermost axis first) to `to`; what lies outside the tensor becomes
/// zero. When it is there, its bytes are counted at `barrier`. One lane. `to` is aligned to 128 bytes, with a swizzle to 8
/// spans. `map` must be a member of the kernel.
template <unsigned Rank>
HEDDLE_DEVICE void tile_load(shared_address to, const tensor_map& map, shared_address barrier,
                             const int (&at)[Rank] HEDDLE_LINE) {
  static_assert(Rank >= 2 && Rank <= 4, "tiles of 2 to 4 axes");
#if HEDDLE_CUDA_EMULATED
  auto& m = emulation::machine::current();
  m.tiles.load(m, m.barriers, to, map.description, barrier, at, line);
#else
  if constexpr (Rank == 2) {
    HEDDLE_SM90(asm volatile(
        "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4}], [%2];" ::"r"(to),
        "l"(&map.description), "r"(barrier), "r"(at[0]), "r"(at[1]) : "memory"));
  } else if constexpr (Rank == 3) {
    HEDDLE_SM90(asm volatile(
        "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], [%2];" ::"r"(to),
        "l"(&map.description), "r"(barrier), "r"(at[0]), "r"(at[1]), "r"(at[2]) : "memory"));
  } else {
    HEDDLE_SM90(asm volatile(
        "cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], [%2];" ::"r"(
            to),
        "l"(&map.description), "r"(barrier), "r"(at[0]), "r"(at[1]), "r"(at[2]), "r"(at[3]) : "memory"));
  }
#endif
}

/// Starts storing a box from `from`; what lies outside the tensor is not written. One lane; what other lanes stored in
/// shared memory is ordered by `fence_async_proxy` in each of them and a barrier. Then `tile_store_commit`.
template <unsigned Rank>
HEDDLE_DEVICE void tile_store(const tensor_map& map, const int (&at)[Rank], shared_address from HEDDLE_LINE) {
  static_assert(Rank >= 2 && Rank <= 4, "tiles of 2 to 4 axes");
#if HEDDLE_CUDA_EMULATED
  auto& m = emulation::machine::current();
  m.tiles.store(m, map.description, at, from, line);
#else
  if constexpr (Rank == 2) {
    HEDDLE_SM90(
        asm volatile("cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%0, {%2, %3}], [%1];" ::"l"(&map.description),
                     "r"(from), "r"(at[0]), "r"(at[1]) : "memory"));
  } else if constexpr (Rank == 3) {
    HEDDLE_SM90(
        asm volatile("cp.async.bulk.tensor.3d.global.shared::cta.bulk_group [%0, {%2, %3, %4}], [%1];" ::"l"(&map.description),
                     "r"(from), "r"(at[0]), "r"(at[1]), "r"(at[2]) : "memory"));
  } else {
    HEDDLE_SM90(asm volatile(
        "cp.async.bulk.tensor.4d.global.shared::cta.bulk_group [%0, {%2, %3, %4, %5}], [%1];" ::"l"(&map.description),
        "r"(from), "r"(at[0]), "r"(at[1]), "r"(at[2]), "r"(at[3]) : "memory"));
  }
#endif
}

/// The stores started since the last commit become a group.
HEDDLE_DEVICE void tile_store_commit() {
#if HEDDLE_CUDA_EMULATED
  auto& m = emulation::machine::current();
  m.tiles.commit(m);
#else
  HEDDLE_SM90(asm volatile("cp.async.bulk.commit_group;" :: : "memory"));
#endif
}

/// Waits until all groups of stores of this lane but the last `Pending` have read their shared memory, which may be written
/// again. Before a lane ends none may be pending.
template <unsigned Pending>
HEDDLE_DEVICE void tile_store_wait() {
#if HEDDLE_CUDA_EMULATED
  auto& m = emulation::machine::current();
  m.tiles.wait(m, Pending);
#else
  HEDDLE_SM90(asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(Pending) : "memory"));
#endif
}

/// Fetches the description into the engine's cache, ahead of the first use.
HEDDLE_DEVICE void prefetch(const tensor_map& map) {
#if HEDDLE_CUDA_EMULATED
  static_cast<void>(map);
#else
  HEDDLE_SM90(asm volatile("prefetch.tensormap [%0];" ::"l"(&map.description) : "memory"));
#endif
}

}  // namespace heddle::inline v0::device
