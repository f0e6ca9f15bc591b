// Where a backend's numbers lie: in tensors of the host, or in memory of a device. Runners put their inputs there, take the
// outputs back, and so run on every backend.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include <heddle/model/memory_of.hpp>
#include <heddle/model/module.hpp>

#include "layout.hpp"

#if defined(HEDDLE_GOLDEN_BACKEND_CUDA)
#include <heddle/backend/cuda.hpp>
#endif

namespace heddle::golden {

template <class Backend>
using workspace_of = typename memory_of<Backend>::workspace_type;

/// A map where the backend works on it.
template <class Backend>
class placed_map {
  typename memory_of<Backend>::template tensor_type<float, map_extents> memory_;

 public:
  explicit placed_map(const map_extents& e) : memory_(e) {}
  explicit placed_map(const map_tensor& from) : memory_(from.extents()) { put(from); }

  const map_extents& extents() const noexcept { return memory_.extents(); }
  map_view<float> view() noexcept { return memory_.view(); }
  map_view<const float> view() const noexcept { return memory_.view(); }
  void put(const map_tensor& from) { memory_of<Backend>::put(Backend{}, from.data(), memory_.data(), memory_.size()); }
  /// A copy for the host.
  map_tensor host() const {
    map_tensor copy(memory_.extents());
    memory_of<Backend>::take(Backend{}, memory_.data(), copy.data(), copy.size());
    return copy;
  }
};

/// Numbers in a row where the backend works on them.
template <class Backend, class T = float>
class placed {
  typename memory_of<Backend>::template tensor_type<T, dynamic_extents<1>> memory_;

 public:
  explicit placed(std::size_t count) : memory_(dynamic_extents<1>(count)) {}
  explicit placed(std::span<const T> from) : memory_(dynamic_extents<1>(from.size())) {
    memory_of<Backend>::put(Backend{}, from.data(), memory_.data(), memory_.size());
  }
  explicit placed(const std::vector<T>& from) : placed(std::span<const T>(from)) {}

  std::size_t size() const noexcept { return memory_.size(); }
  T* data() noexcept { return memory_.data(); }
  const T* data() const noexcept { return memory_.data(); }
  std::span<T> span() noexcept { return {data(), size()}; }
  std::vector<T> host() const {
    std::vector<T> copy(size());
    memory_of<Backend>::take(Backend{}, data(), copy.data(), size());
    return copy;
  }
};

/// Elements of a view where the backend wrote them, for the host.
template <class Backend, class T>
std::vector<T> on_host(const T* from, std::size_t count) {
  std::vector<T> copy(count);
  memory_of<Backend>::take(Backend{}, from, copy.data(), count);
  return copy;
}

/// Work that is done for every frame, `f(backend)`, always on the same memory: run as it is, or on a device captured into a
/// graph, which allows no allocation, no copy to the host and no waiting in it, and launched.
template <class Backend, class F>
class frame_step {
  F f_;

 public:
  explicit frame_step(F f) : f_(f) {}
  void operator()() { f_(Backend{}); }
};
#if defined(HEDDLE_GOLDEN_BACKEND_CUDA)
template <class Arch, class F>
class frame_step<cuda_backend<Arch>, F> {
  device::owned_stream stream_;
  device::graph graph_;

 public:
  explicit frame_step(F f) : graph_(device::capture(stream_, [f, s = stream_.get()] { f(cuda_backend<Arch>{s}); })) {}
  void operator()() {
    device::wait();  // for inputs
    graph_.launch(stream_);
    device::wait(stream_);
  }
};
#endif
template <class Backend, class F>
frame_step<Backend, F> make_frame_step(F f) {
  return frame_step<Backend, F>(f);
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
