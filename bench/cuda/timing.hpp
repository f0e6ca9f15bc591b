// Time of work on a device, by its own clock.
#pragma once

#include <heddle/cuda/runtime/runtime.hpp>

#include <cuda_runtime.h>

#include <algorithm>
#include <vector>

#include "bench/peers/timing.hpp"

namespace heddle::bench {

/// A clock of the device: two marks in a stream and the time between them.
class device_clock {
  cudaEvent_t begin_ = nullptr, end_ = nullptr;

 public:
  device_clock() {
    device::check(cudaEventCreate(&begin_), "making an event");
    device::check(cudaEventCreate(&end_), "making an event");
  }
  device_clock(const device_clock&) = delete;
  device_clock& operator=(const device_clock&) = delete;
  ~device_clock() {
    static_cast<void>(cudaEventDestroy(begin_));
    static_cast<void>(cudaEventDestroy(end_));
  }

  /// Nanoseconds that `work` (which enqueues) takes on the device.
  template <class F>
  double time(device::stream s, F&& work) {
    device::check(cudaEventRecord(begin_, s), "timing");
    work();
    device::check(cudaEventRecord(end_, s), "timing");
    device::check(cudaEventSynchronize(end_), "timing");
    float milliseconds = 0;
    device::check(cudaEventElapsedTime(&milliseconds, begin_, end_), "timing");
    return static_cast<double>(milliseconds) * 1e6;
  }
};

/// Captures `enqueue` into a graph often enough that a launch takes about a millisecond, and launches it for about
/// `seconds`, at least three times: nanoseconds per call, without what launching costs the host.
template <class F>
peers::sample_times measure_on_device(device::stream s, F&& enqueue, double seconds) {
  device_clock clock;
  enqueue();  // loads the kernels, which a capture must not
  device::wait(s);
  const double once = clock.time(s, enqueue);
  const auto calls = static_cast<std::size_t>(std::clamp(1e6 / std::max(once, 1.0), 1.0, 200.0));
  const device::graph repeated = device::capture(s, [&] {
    for (std::size_t i = 0; i < calls; ++i) enqueue();
  });
  std::vector<double> samples;
  const double end = peers::now() + seconds * 1e9;
  while (samples.size() < 3 || peers::now() < end)
    samples.push_back(clock.time(s, [&] { repeated.launch(s); }) / static_cast<double>(calls));
  std::sort(samples.begin(), samples.end());
  return {samples.front(), samples[samples.size() / 2]};
}

}  // namespace heddle::bench
