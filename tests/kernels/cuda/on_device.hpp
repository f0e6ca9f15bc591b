// What tests of device primitives share: arrays on the (emulated) device, and both orders of its lanes with empty reports.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <heddle/cuda/launch.cuh>
#include <heddle/cuda/runtime/runtime.hpp>

#include "tests/kernels/cuda/native.hpp"
#include "tests/support/catch.hpp"

namespace heddle::test {

/// An array of the device that begins `offset` elements behind an aligned address.
template <class T>
class on_device {
  device::memory memory_;
  std::size_t size_;
  std::size_t offset_;

 public:
  explicit on_device(const std::vector<T>& values, std::size_t offset = 0)
      : memory_(device::allocate((values.size() + offset) * sizeof(T))), size_(values.size()), offset_(offset) {
    if (size_ != 0) device::copy_to_device<T>({}, data(), values.data(), size_);
  }
  T* data() noexcept { return memory_.template as<T>() + offset_; }
  const T* data() const noexcept { return memory_.template as<T>() + offset_; }
  std::span<T> span() noexcept { return {data(), size_}; }
  std::vector<T> to_host() {
    std::vector<T> values(size_);
    if (size_ != 0) device::copy_to_host<T>({}, values.data(), data(), size_);
    return values;
  }
};

/// What a policy looks up: where the host and a device both read it. (The emulated device would read any memory of the host.)
template <class T>
class policy_table {
  device::memory memory_;
  std::size_t size_;

 public:
  explicit policy_table(const std::vector<T>& values)
      : memory_(device::allocate_managed(values.size() * sizeof(T))), size_(values.size()) {
    std::copy(values.begin(), values.end(), memory_.template as<T>());
  }
  const T* data() const noexcept { return memory_.template as<const T>(); }
  std::span<const T> span() const noexcept { return {data(), size_}; }
};

/// Runs `f()` with lanes in turn and in a random order; neither may give reports. On a device: runs it.
template <class F>
void in_both_orders(F f) {
#if HEDDLE_CUDA_EMULATED
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{11}}) {
    device::emulation::options_scope order({.seed = seed, .races = true});
    device::emulation::report_scope reports;
    f();
    INFO(reports.text());
    CHECK(reports.empty());
  }
#else
  f();
  device::wait();
#endif
}

/// The context of a device with `bytes` of scratch memory.
class device_scratch {
  device_workspace memory_;

 public:
  explicit device_scratch(std::size_t bytes = 0) : memory_(bytes) {}
  context<cuda<>> ctx() const { return {cuda<>{}, memory_.scratch()}; }
};

}  // namespace heddle::test
