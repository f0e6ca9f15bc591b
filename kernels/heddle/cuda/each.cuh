/// @file
/// `each` on a device: a thread for every number.
#pragma once

#include <cstddef>
#include <cstdint>

#include <heddle/cuda/device/place.cuh>
#include <heddle/cuda/launch.cuh>
#include <heddle/primitive/each.hpp>

namespace heddle::inline v0 {

namespace device {

template <class F>
struct each_number {
  static constexpr unsigned threads = 128;
  std::uint64_t count;
  F f;

  HEDDLE_DEVICE void operator()() const {
    for (std::uint64_t i = std::uint64_t{block_index()} * threads + thread(); i < count;
         i += std::uint64_t{grid_size()} * threads)
      f(static_cast<std::size_t>(i));
  }
};

}  // namespace device

template <class Arch>
struct kernel<op::each, cuda_backend<Arch>> {
  template <class F>
  static void run(context<cuda_backend<Arch>> ctx, std::size_t count, const F& f) {
    constexpr std::uint64_t most = 0x7fffffff;
    const std::uint64_t blocks = (std::uint64_t{count} + device::each_number<F>::threads - 1) / device::each_number<F>::threads;
    device::launch(ctx.backend.stream, static_cast<unsigned>(blocks < most ? blocks : most), 0,
                   device::each_number<F>{count, f});
  }
};

}  // namespace heddle::inline v0
