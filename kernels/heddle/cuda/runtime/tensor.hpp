/// @file
/// Owning tensors and scratch memory on the device.
#pragma once

#include <cstddef>
#include <type_traits>

#include <heddle/core/tensor.hpp>
#include <heddle/core/workspace.hpp>
#include <heddle/model/memory_of.hpp>

#include "memory.hpp"

namespace heddle::inline v0 {

/// A row-major array in device memory, zero at first. Views of it hold device pointers: they are for primitives and layers on
/// `cuda`; the host copies in and out. Moves are cheap, copies are not offered.
/// @code
/// heddle::device_tensor<float, heddle::map_extents> x{image.extents()};
/// x.copy_from(image.view(), stream);
/// @endcode
template <class T, class Extents>
class device_tensor {
  static_assert(std::is_trivially_copyable_v<T>, "heddle::device_tensor: elements must be trivially copyable");
  device::memory memory_;
  [[no_unique_address]] Extents extents_{};

 public:
  using element_type = T;
  using extents_type = Extents;
  using view_type = heddle::view<T, Extents>;
  using const_view_type = heddle::view<const T, Extents>;

  device_tensor() : device_tensor(Extents{}) {}
  explicit device_tensor(const Extents& e) : memory_(device::allocate(e.size() * sizeof(T))), extents_(e) {}
  /// A copy of an array of the host. @throws device_error
  explicit device_tensor(const const_view_type& from, device::stream s = nullptr) : device_tensor(from.extents()) {
    copy_from(from, s);
  }

  const Extents& extents() const noexcept { return extents_; }
  std::size_t extent(std::size_t r) const noexcept { return extents_.extent(r); }
  std::size_t size() const noexcept { return extents_.size(); }
  T* data() noexcept { return memory_.template as<T>(); }
  const T* data() const noexcept { return memory_.template as<T>(); }
  view_type view() noexcept { return view_type(data(), extents_); }
  const_view_type view() const noexcept { return const_view_type(data(), extents_); }

  /// From a contiguous array of the host. @throws shape_error, device_error
  void copy_from(const const_view_type& from, device::stream s = nullptr) {
    require_extent("device_tensor: from", "elements", size(), from.size());
    device::copy_to_device<T>(s, data(), from.data_handle(), size());
  }

  /// To a contiguous array of the host, when the work of `s` is done. @throws shape_error, device_error
  void copy_to(const view_type& to, device::stream s = nullptr) const {
    require_extent("device_tensor: to", "elements", size(), to.size());
    device::copy_to_host<T>(s, to.data_handle(), data(), size());
  }

  /// A tensor of the host with the same elements. Allocates. @throws device_error
  tensor<T, Extents> to_host(device::stream s = nullptr) const {
    tensor<T, Extents> copy(extents_);
    copy_to(copy.view(), s);
    return copy;
  }
};

/// Scratch memory on the device that owns its bytes.
class device_workspace {
  device::memory memory_;

 public:
  device_workspace() = default;
  explicit device_workspace(std::size_t bytes) : memory_(device::allocate(bytes)) {}
  std::size_t size() const noexcept { return memory_.size(); }
  arena scratch() const { return arena::of_device(std::span<std::byte>(memory_.data(), memory_.size())); }
};

/// The memory of a device.
template <class Arch>
struct memory_of<cuda_backend<Arch>> {
  using workspace_type = device_workspace;
  template <class T, class Extents>
  using tensor_type = device_tensor<T, Extents>;

  template <class T>
  static void put(const cuda_backend<Arch>& backend, const T* from, T* to, std::size_t count) {
    device::copy_to_device<T>(backend.stream, to, from, count);
  }
  template <class T>
  static void take(const cuda_backend<Arch>& backend, const T* from, T* to, std::size_t count) {
    device::copy_to_host<T>(backend.stream, to, from, count);
  }
};

}  // namespace heddle::inline v0
