// The table on the screen: one line a benchmark, narrow enough for a terminal.
#pragma once

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

namespace heddle::bench {

/// Counters that main.cpp sets and the table shows.
inline constexpr const char* rate_counter = "FLOP/s";
inline constexpr const char* peak_counter = "peak";
inline constexpr const char* bytes_counter = "bytes/s";
inline constexpr const char* error_counter = "error";

/// One line: name, time, GFLOP/s, share of the peak, GB/s.
std::string table_line(const std::string& name, double nanoseconds, double flops_per_second, double peak_share,
                       double bytes_per_second, std::size_t width);

/// Prints the limits of the machine above the table.
class table_reporter : public benchmark::BenchmarkReporter {
  std::size_t width_ = 40;

 public:
  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>& runs) override;
};

}  // namespace heddle::bench
