/// @file
/// Where the numbers of a backend lie: what a program needs to run a network on any of them.
#pragma once

#include <cstddef>
#include <cstring>

#include "../core/context.hpp"
#include "../core/tensor.hpp"

namespace heddle::inline v0 {

/// Tensors and scratch memory that `Backend` works on, and the way of numbers between them and the host. This is the host's
/// own memory; backends of devices specialise it.
/// @code
/// using memory = heddle::memory_of<Backend>;
/// typename memory::template tensor_type<float, map_extents> x(e);
/// const typename memory::workspace_type scratch(bytes);
/// memory::put(backend, picture.data(), x.data(), x.size());
/// @endcode
template <class Backend>
struct memory_of {
  using workspace_type = workspace;
  template <class T, class Extents>
  using tensor_type = tensor<T, Extents>;

  /// `count` numbers of the host to where the backend works on them. @throws device_error
  template <class T>
  static void put(const Backend&, const T* from, T* to, std::size_t count) {
    if (count != 0 && from != to) std::memcpy(to, from, count * sizeof(T));
  }
  /// And back, when the work before is done. @throws device_error
  template <class T>
  static void take(const Backend&, const T* from, T* to, std::size_t count) {
    if (count != 0 && from != to) std::memcpy(to, from, count * sizeof(T));
  }
};

}  // namespace heddle::inline v0
