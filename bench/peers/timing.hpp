// What the programs of this folder share: measuring one thing, and saying it in one JSON line.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

namespace peers {

inline double now() {
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Nanoseconds per call: the minimum and the median of samples.
struct sample_times {
  double minimum = 0;
  double median = 0;
};

/// Calls `f` for about `seconds`, at least three times; calls shorter than `shortest` nanoseconds are timed several at once.
template <class F>
sample_times measure(F&& f, double seconds, double shortest = 2e6) {
  const double first = now();
  f();
  const auto calls = static_cast<std::size_t>(std::max(1.0, shortest / std::max(1.0, now() - first)));
  std::vector<double> samples;
  const double end = now() + seconds * 1e9;
  while (samples.size() < 3 || now() < end) {
    const double start = now();
    for (std::size_t i = 0; i < calls; ++i) f();
    samples.push_back((now() - start) / static_cast<double>(calls));
  }
  std::sort(samples.begin(), samples.end());
  return {samples.front(), samples[samples.size() / 2]};
}

/// One line of the format that README.md describes. `more` is further members, beginning with a comma, or nothing.
inline void report(const std::string& peer, const std::string& problem, std::size_t threads, double flop, const sample_times& t,
                   const std::string& more = "") {
  std::printf(
      "{\"peer\": \"%s\", \"case\": \"%s\", \"dtype\": \"fp32\", \"threads\": %zu, \"ns_per_iter_min\": %.0f, "
      "\"ns_per_iter_median\": %.0f, \"gflops\": %.2f%s}\n",
      peer.c_str(), problem.c_str(), threads, t.minimum, t.median, flop / t.minimum, more.c_str());
  std::fflush(stdout);
}

}  // namespace peers
