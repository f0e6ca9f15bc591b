/// @file
/// Weights where host and device both read them: layers prepare on the host as ever, kernels and policies follow the same
/// pointers.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include <heddle/model/members.hpp>

#include "memory.hpp"

namespace heddle::inline v0 {

template <class Arch>
struct kernel<op::weights, cuda_backend<Arch>> {
  /// Copies every bound parameter into one managed block, which they all keep alive, and binds them to it. @throws device_error
  static void place(std::span<const parameter_entry> entries, device::stream s = nullptr) {
    std::size_t bytes = 0;
    for (const parameter_entry& e : entries) bytes += bytes_of(e);
    if (bytes == 0) return;
    device::memory block = device::allocate_managed(bytes);
    std::byte* to = block.data();
    for (const parameter_entry& e : entries)
      if (e.slot->is_bound()) {
        std::memcpy(to, e.slot->data(), size_of(e) * sizeof(float));
        to += bytes_of(e);
      }
    device::prefetch(block, s);
    const std::byte* from = block.data();
    const shared_owner owner(std::move(block));
    for (const parameter_entry& e : entries)
      if (e.slot->is_bound()) {
        e.slot->bind(reinterpret_cast<const float*>(from), owner);
        from += bytes_of(e);
      }
  }

  /// Numbers that a layer made, in managed memory.
  static made_weights keep(std::span<const float> values) {
    device::memory block = device::allocate_managed(values.size_bytes());
    if (!values.empty()) std::memcpy(block.data(), values.data(), values.size_bytes());
    device::prefetch(block);
    const auto* data = block.template as<const float>();
    return {data, shared_owner(std::move(block))};
  }

 private:
  static std::size_t size_of(const parameter_entry& e) noexcept {
    std::size_t n = 1;
    for (const std::size_t extent : e.shape) n *= extent;
    return n;
  }
  static std::size_t bytes_of(const parameter_entry& e) noexcept {
    return e.slot->is_bound() ? (size_of(e) * sizeof(float) + 255) / 256 * 256 : 0;
  }
};

/// Brings a bound model to the device: every parameter moves to managed memory, then the model is prepared for `backend`.
/// Allocates; nothing does afterwards. Copies of the model made before keep their own weights.
/// @code
/// heddle::to_device(network);                                   // from here on it runs on heddle::cuda<>
/// @endcode
/// (`io::bind<cuda<>>(network, file)` does the same at once.) @throws device_error
template <class Backend = cuda<>, class M>
HEDDLE_COLD void to_device(M& model, const Backend& backend = {}) {
  kernel<op::weights, Backend>::place(list_parameters(model), backend.stream);
  prepare(model, backend);
}

}  // namespace heddle::inline v0
