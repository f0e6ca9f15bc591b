// What tests of kernels find instead of the emulation when they are compiled for a device: lanes run as they like, and nobody
// counts or reports.
#pragma once

#include <cstdint>
#include <string>

#include <heddle/cuda/launch.cuh>

#if !HEDDLE_CUDA_EMULATED

namespace heddle::inline v0::device::emulation {

/// A number that nobody counted is whatever is expected of it.
struct uncounted {
  constexpr operator std::uint64_t() const noexcept { return 0; }
  template <class T>
  friend constexpr bool operator==(uncounted, const T&) noexcept {
    return true;
  }
  template <class T>
  friend constexpr bool operator>(uncounted, const T&) noexcept {
    return true;
  }
};

struct emulation_counters {
  uncounted blocks, switches, matrix_phases, matrix_passes, products, copies, tiles;
};
inline emulation_counters& counters() noexcept {
  static emulation_counters none;
  return none;
}

struct emulation_options {
  std::uint64_t seed = 0;
  bool races = true;
};
struct options_scope {
  explicit options_scope(emulation_options) noexcept {}
};

struct report_scope {
  report_scope() noexcept {}
  bool empty() const noexcept { return true; }
  std::string text() const { return {}; }
};

}  // namespace heddle::inline v0::device::emulation

#endif
