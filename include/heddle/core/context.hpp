/// @file
/// What a layer needs to run besides its weights: a backend and scratch memory.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>

#include "../fwd.hpp"
#include "workspace.hpp"

namespace heddle::inline v0 {

/// A backend says who computes. Every backend has `concurrency()` workers, runs independent parts by
/// `parallel_for(count, f(index, worker))`, and names the single-threaded form of itself (`serial_type`, made by
/// `as_serial()`) that nested work runs on.
template <class B>
concept backend = requires(const B& b) {
  typename B::serial_type;
  { b.concurrency() } -> std::convertible_to<std::size_t>;
  { b.as_serial() } -> std::same_as<typename B::serial_type>;
  b.parallel_for(std::size_t{}, [](std::size_t, std::size_t) {});
};

/// The backend and the scratch memory of one call. Passed by value: what a callee takes from its copy's arena is free
/// again when it returns.
template <class Backend>
struct context {
  using backend_type = Backend;
  [[no_unique_address]] Backend backend;
  arena scratch;

  /// Runs `f(serial_context, index)` for every index below `count`. Every worker's context has its own
  /// `bytes_per_worker` bytes of scratch; together they are taken from this context.
  template <class F>
  void for_each(std::size_t count, std::size_t bytes_per_worker, F&& f) {
    arena mine = scratch;
    const std::size_t stride = scratch_bytes<std::byte>(bytes_per_worker);
    std::byte* base = mine.take<std::byte>(stride * backend.concurrency());
    backend.parallel_for(count, [&](std::size_t index, std::size_t worker) {
      f(context<typename Backend::serial_type>{backend.as_serial(), mine.over(base + worker * stride, stride)}, index);
    });
  }
};

/// Scratch bytes of `context::for_each`.
template <class Backend>
constexpr std::size_t for_each_bytes(const Backend& backend, std::size_t bytes_per_worker) noexcept {
  return scratch_bytes<std::byte>(scratch_bytes<std::byte>(bytes_per_worker) * backend.concurrency());
}

}  // namespace heddle::inline v0
