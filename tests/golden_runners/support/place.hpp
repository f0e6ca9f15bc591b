// Where a backend's numbers lie: in tensors of the host, or in memory of a device. Runners put their inputs there, take the
// outputs back, and so run on every backend.
#pragma once

#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include <heddle/model/module.hpp>

#include "layout.hpp"

#if defined(HEDDLE_GOLDEN_BACKEND_CUDA)
#include <heddle/backend/cuda.hpp>
#endif

namespace heddle::golden {

/// The host's memory.
template <class Backend>
struct memory_of {
  using workspace_type = workspace;
  template <class T, class Extents>
  using tensor_type = tensor<T, Extents>;

  template <class T, class Extents>
  static void put(const T* from, tensor<T, Extents>& to) {
    if (to.size() != 0) std::memcpy(to.data(), from, to.size() * sizeof(T));
  }
  template <class T, class Extents>
  static void take(const tensor<T, Extents>& from, T* to) {
    if (from.size() != 0) std::memcpy(to, from.data(), from.size() * sizeof(T));
  }
  template <class T>
  static std::vector<T> read(const T* from, std::size_t count) {
    return std::vector<T>(from, from + count);
  }
};

#if defined(HEDDLE_GOLDEN_BACKEND_CUDA)
template <class Arch>
struct memory_of<cuda_backend<Arch>> {
  using workspace_type = device_workspace;
  template <class T, class Extents>
  using tensor_type = device_tensor<T, Extents>;

  template <class T, class Extents>
  static void put(const T* from, device_tensor<T, Extents>& to) {
    device::copy_to_device<T>(nullptr, to.data(), from, to.size());
  }
  template <class T, class Extents>
  static void take(const device_tensor<T, Extents>& from, T* to) {
    device::copy_to_host<T>(nullptr, to, from.data(), from.size());
  }
  template <class T>
  static std::vector<T> read(const T* from, std::size_t count) {
    std::vector<T> values(count);
    device::copy_to_host<T>(nullptr, values.data(), from, count);
    return values;
  }
};
#endif

template <class Backend>
using workspace_of = typename memory_of<Backend>::workspace_type;

/// A map where the backend works on it.
template <class Backend>
class placed_map {
  typename memory_of<Backend>::template tensor_type<float, map_extents> memory_;

 public:
  explicit placed_map(const map_extents& e) : memory_(e) {}
  explicit placed_map(const map_tensor& from) : memory_(from.extents()) { memory_of<Backend>::put(from.data(), memory_); }

  const map_extents& extents() const noexcept { return memory_.extents(); }
  map_view<float> view() noexcept { return memory_.view(); }
  map_view<const float> view() const noexcept { return memory_.view(); }
  /// A copy for the host.
  map_tensor host() const {
    map_tensor copy(memory_.extents());
    memory_of<Backend>::take(memory_, copy.data());
    return copy;
  }
};

/// Numbers in a row where the backend works on them.
template <class Backend, class T = float>
class placed {
  typename memory_of<Backend>::template tensor_type<T, dynamic_extents<1>> memory_;

 public:
  explicit placed(std::size_t count) : memory_(dynamic_extents<1>(count)) {}
  explicit placed(std::span<const T> from) : memory_(dynamic_extents<1>(from.size())) { memory_of<Backend>::put(from.data(), memory_); }
  explicit placed(const std::vector<T>& from) : placed(std::span<const T>(from)) {}

  std::size_t size() const noexcept { return memory_.size(); }
  T* data() noexcept { return memory_.data(); }
  const T* data() const noexcept { return memory_.data(); }
  std::span<T> span() noexcept { return {data(), size()}; }
  std::vector<T> host() const { return memory_of<Backend>::read(data(), size()); }
};

/// Elements of a view where the backend wrote them, for the host.
template <class Backend, class T>
std::vector<std::remove_const_t<T>> on_host(const T* from, std::size_t count) {
  return memory_of<Backend>::template read<std::remove_const_t<T>>(from, count);
}

/// What a module makes of a map.
template <class Backend, class Module>
map_tensor output_of(const Module& m, const map_tensor& x) {
  const placed_map<Backend> in(x);
  placed_map<Backend> y(heddle::output_extents<Module>(x.extents()));
  const workspace_of<Backend> scratch(workspace_bytes<Module, Backend>(x.extents()));
  heddle::run<Backend>(m, in.view(), y.view(), scratch);
  return y.host();
}

}  // namespace heddle::golden
