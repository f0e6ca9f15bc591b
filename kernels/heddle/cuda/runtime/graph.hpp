/// @file
/// Work captured once and replayed: a CUDA graph.
#pragma once

#include <utility>

#include <heddle/core/shared_owner.hpp>

#include "memory.hpp"

namespace heddle::inline v0::device {

/// A queue of its own. The default stream cannot be captured.
class owned_stream {
  stream s_ = nullptr;

 public:
  owned_stream() {
#if !HEDDLE_CUDA_EMULATED
    cudaStream_t made = nullptr;
    check(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking), "making a stream");
    s_ = made;
#endif
  }
  owned_stream(const owned_stream&) = delete;
  owned_stream& operator=(const owned_stream&) = delete;
  ~owned_stream() {
#if !HEDDLE_CUDA_EMULATED
    static_cast<void>(cudaStreamDestroy(s_));
#endif
  }
  stream get() const noexcept { return s_; }
  operator stream() const noexcept { return s_; }
};

/// What `capture` recorded. Its kernels keep the pointers that they were given: inputs and outputs stay where they are, and
/// so does every workspace.
class graph {
#if HEDDLE_CUDA_EMULATED
  const void* work_ = nullptr;
  void (*run_)(const void*) = nullptr;
  shared_owner owner_{};
#else
  cudaGraphExec_t exec_ = nullptr;
#endif

 public:
  graph() noexcept = default;
  graph(graph&& other) noexcept { swap(other); }
  graph& operator=(graph&& other) noexcept {
    swap(other);
    return *this;
  }
  graph(const graph&) = delete;
  graph& operator=(const graph&) = delete;
  ~graph() {
#if !HEDDLE_CUDA_EMULATED
    if (exec_ != nullptr) static_cast<void>(cudaGraphExecDestroy(exec_));
#endif
  }

  /// Puts all recorded work into `s`. @throws device_error
  void launch([[maybe_unused]] stream s) const {
#if HEDDLE_CUDA_EMULATED
    if (run_ != nullptr) run_(work_);
#else
    check(cudaGraphLaunch(exec_, s), "launching a graph");
#endif
  }

  template <class F>
  friend graph capture(stream s, F work);

 private:
  void swap(graph& other) noexcept {
#if HEDDLE_CUDA_EMULATED
    std::swap(work_, other.work_);
    std::swap(run_, other.run_);
    std::swap(owner_, other.owner_);
#else
    std::swap(exec_, other.exec_);
#endif
  }
};

/// Records what `work()` puts into `s`, which must not be the default stream, without running it. What cannot be recorded
/// (allocations, waiting, copies from and to the host) is refused while it lasts.
///
/// The emulated device has no recorder: there `work` is run once as a rehearsal that meets the same refusals, and kept to
/// be called by `launch`.
/// @throws device_error, and what `work` throws
template <class F>
graph capture(stream s, F work) {
  graph made;
#if HEDDLE_CUDA_EMULATED
  static_cast<void>(s);
  struct rehearsal {
    rehearsal() { emulated::memory_map::instance().set_capturing(true); }
    ~rehearsal() { emulated::memory_map::instance().set_capturing(false); }
  };
  {
    const rehearsal r;
    work();
  }
  F* const kept = new F(std::move(work));
  struct holder {
    F* f;
    explicit holder(F* p) : f(p) {}
    holder(holder&& other) noexcept : f(std::exchange(other.f, nullptr)) {}
    ~holder() { delete f; }
  };
  made.work_ = kept;
  made.run_ = [](const void* p) { (*static_cast<const F*>(p))(); };
  made.owner_ = shared_owner(holder(kept));
#else
  check(cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal), "capturing a stream");
  struct ending {
    stream s;
    cudaGraph_t recorded = nullptr;
    bool ended = false;
    ~ending() {
      if (!ended) static_cast<void>(cudaStreamEndCapture(s, &recorded));
      if (recorded != nullptr) static_cast<void>(cudaGraphDestroy(recorded));
    }
  } end{s};
  work();
  end.ended = true;
  check(cudaStreamEndCapture(s, &end.recorded), "capturing a stream");
  check(cudaGraphInstantiate(&made.exec_, end.recorded, 0), "making a graph");
#endif
  return made;
}

}  // namespace heddle::inline v0::device
