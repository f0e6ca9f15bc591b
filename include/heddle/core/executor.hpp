/// @file
/// Executors: who runs the independent parts of a primitive. The caller owns the threads.
#pragma once

#include <concepts>
#include <cstddef>

#include "../config.hpp"

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace heddle::inline v0 {

/// An executor runs `f(index, worker)` for every index below `count`, in any order, on workers numbered from 0 to
/// `concurrency() - 1`; no two calls share a worker number at the same time. It returns when all calls have returned.
/// Primitives write each result in exactly one call, so the result does not depend on the executor.
template <class E>
concept executor = requires(const E& e) {
  { e.concurrency() } -> std::convertible_to<std::size_t>;
  e.parallel_for(std::size_t{}, [](std::size_t, std::size_t) {});
};

/// Runs everything in the calling thread.
struct serial {
  static constexpr std::size_t concurrency() noexcept { return 1; }
  template <class F>
  HEDDLE_ALWAYS_INLINE void parallel_for(std::size_t count, F&& f) const {
    for (std::size_t i = 0; i < count; ++i) f(i, std::size_t{0});
  }
};

#if defined(_OPENMP)
/// Runs parts on OpenMP's threads; indices are handed out one at a time.
class openmp {
  std::size_t threads_ = 1;

 public:
  /// As many threads as OpenMP would use by itself.
  openmp() noexcept : threads_(static_cast<std::size_t>(omp_get_max_threads())) {}
  explicit openmp(std::size_t threads) noexcept : threads_(threads == 0 ? 1 : threads) {}

  std::size_t concurrency() const noexcept { return threads_; }
  template <class F>
  void parallel_for(std::size_t count, F&& f) const {
    const auto n = static_cast<long>(count);
    if (threads_ == 1 || n <= 1) {
      for (std::size_t i = 0; i < count; ++i) f(i, std::size_t{0});
      return;
    }
#pragma omp parallel for schedule(dynamic, 1) num_threads(static_cast<int>(threads_))
    for (long i = 0; i < n; ++i) f(static_cast<std::size_t>(i), static_cast<std::size_t>(omp_get_thread_num()));
  }
};
#endif

}  // namespace heddle::inline v0
