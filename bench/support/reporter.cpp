#include "reporter.hpp"

#include <algorithm>
#include <cstdio>

#include "limits.hpp"

namespace heddle::bench {

namespace {

/// Nanoseconds in the unit that leaves three or four figures.
std::string time_text(double ns) {
  char text[32];
  if (ns < 1e4) {
    std::snprintf(text, sizeof text, "%.0f ns", ns);
  } else if (ns < 1e7) {
    std::snprintf(text, sizeof text, "%.*f us", ns < 1e6 ? 1 : 0, ns / 1e3);
  } else {
    std::snprintf(text, sizeof text, "%.*f ms", ns < 1e8 ? 2 : 1, ns / 1e6);
  }
  return text;
}

/// Google Benchmark 1.8 renamed how a failed run is marked.
template <class Run>
bool failed(const Run& r) {
  if constexpr (requires { r.error_occurred; }) {
    return r.error_occurred;
  } else {
    return static_cast<bool>(r.skipped);
  }
}
template <class Run>
const std::string& failure(const Run& r) {
  if constexpr (requires { r.error_message; }) {
    return r.error_message;
  } else {
    return r.skip_message;
  }
}

double counter(const benchmark::BenchmarkReporter::Run& r, const char* name) {
  const auto found = r.counters.find(name);
  return found == r.counters.end() ? 0.0 : static_cast<double>(found->second.value);
}

}  // namespace

std::string table_line(const std::string& name, double nanoseconds, double flops_per_second, double peak_share,
                       double bytes_per_second, std::size_t width) {
  char figures[128];
  std::snprintf(figures, sizeof figures, "%10s %9.1f %6.0f %% %8.2f", time_text(nanoseconds).c_str(), flops_per_second / 1e9,
                100 * peak_share, bytes_per_second / 1e9);
  std::string line = name;
  line.resize(std::max(width, name.size()), ' ');
  return line + ' ' + figures;
}

bool table_reporter::ReportContext(const Context& context) {
  width_ = std::clamp(context.name_field_width, std::size_t{24}, std::size_t{72});
  const machine_limits& m = limits();
  std::printf("one thread of this machine: f32 %.0f GFLOP/s", m.f32);
  if (m.bf16_dot > 0) std::printf(", bf16 %.0f", m.bf16_dot);
  if (m.bf16_amx > 0) std::printf(", bf16 in the matrix unit %.0f", m.bf16_amx);
  std::printf("; reads: L1 %.0f GB/s, L2 %.0f, memory %.1f\n", m.read_l1, m.read_l2, m.read_memory);
  std::printf("GFLOP/s counts visible pairs; %% is of the peak of all threads used\n\n");
  std::printf("%-*s %10s %9s %8s %8s\n", static_cast<int>(width_), "benchmark", "time", "GFLOP/s", "of peak", "GB/s");
  return true;
}

void table_reporter::ReportRuns(const std::vector<Run>& runs) {
  for (const Run& r : runs) {
    std::string name = r.benchmark_name();
    if (const auto suffix = name.find("/real_time"); suffix != std::string::npos) name.erase(suffix, 10);
    if (failed(r)) {
      std::printf("%-*s %s\n", static_cast<int>(width_), name.c_str(), failure(r).c_str());
      continue;
    }
    const double ns = r.GetAdjustedRealTime() / benchmark::GetTimeUnitMultiplier(r.time_unit) * 1e9;
    std::puts(
        table_line(name, ns, counter(r, rate_counter), counter(r, peak_counter), counter(r, bytes_counter), width_).c_str());
  }
  std::fflush(stdout);
}

}  // namespace heddle::bench
