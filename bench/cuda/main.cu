// Benchmarks of the device backend: a table, or a server of the comparison with other libraries (bench/peers/device.py).
#include <cstdio>
#include <cstring>
#include <iostream>
#include <regex>
#include <sstream>

#include "bench/support/json_text.hpp"
#include "device_subject.hpp"
#include "timing.hpp"

namespace {

using namespace heddle;
using namespace heddle::bench;

std::string list_line() {
  std::string line;
  for (const device_entry& e : device_entries())
    line += (line.empty() ? "{" : ", {") + member("case", e.key) + ", " + member("dtype", e.dtype) + ", " +
            member("name", e.name) + ", " + member("text", e.text) + '}';
  return "{\"cases\": [" + line + "]}";
}

/// The device, its driver and its clocks as found.
std::string device_line() {
  const int id = device::current_device();
  cudaDeviceProp p{};
  device::check(cudaGetDeviceProperties(&p, id), "asking what the device is");
  int driver = 0, clock = 0, memory_clock = 0, bus = 0;
  device::check(cudaDriverGetVersion(&driver), "asking for the driver");
  device::check(cudaDeviceGetAttribute(&clock, cudaDevAttrClockRate, id), "asking for the clock");
  device::check(cudaDeviceGetAttribute(&memory_clock, cudaDevAttrMemoryClockRate, id), "asking for the clock");
  device::check(cudaDeviceGetAttribute(&bus, cudaDevAttrGlobalMemoryBusWidth, id), "asking for the memory");
  return "{" + member("device", p.name) + ", \"multiprocessors\": " + std::to_string(p.multiProcessorCount) +
         ", \"compute\": " + std::to_string(p.major * 10 + p.minor) + ", \"driver\": " + std::to_string(driver) +
         ", \"clock_khz\": " + std::to_string(clock) +
         ", \"memory_gb_s\": " + figure(2.0 * memory_clock * 1e3 * bus / 8 * 1e-9) + '}';
}

struct prepared_case {
  const device_entry* which = nullptr;
  std::unique_ptr<device_subject> what;
  double error = 0;
};

/// Makes and checks a case; the sentence that is wrong with it, or nothing.
std::string make(const device_entry& e, device::stream s, prepared_case& c) {
  c = {};
  c.which = &e;
  c.what = e.make();
  c.error = c.what->error(s);
  if (c.error < e.tolerance) return "";
  c.what.reset();
  return "the result is wrong: " + figure(c.error);
}

std::string line_of(const prepared_case& c, const peers::sample_times& t) {
  return '{' + member("peer", "heddle") + ", " + member("case", c.which->key) + ", " + member("text", c.which->text) + ", " +
         member("name", c.which->name) + ", " + member("dtype", c.which->dtype) +
         ", \"ns_per_iter_min\": " + figure(t.minimum, "%.0f") + ", \"ns_per_iter_median\": " + figure(t.median, "%.0f") +
         ", \"gflops\": " + figure(c.what->flop() / t.minimum) + ", \"gbytes\": " + figure(c.what->bytes() / t.minimum) +
         ", \"rel_err\": " + figure(c.error, "%.1e") + '}';
}

std::string prepare(std::istringstream& words, device::stream s, prepared_case& c) {
  std::string key, dtype;
  words >> key >> dtype;
  for (const device_entry& e : device_entries()) {
    if (e.key != key || e.dtype != dtype) continue;
    const std::string wrong = make(e, s, c);
    if (!wrong.empty()) return "{" + member("error", wrong) + '}';
    return "{\"ready\": \"" + key + "\", \"rel_err\": " + figure(c.error, "%.1e") + ", \"forms\": [\"heddle\"]}";
  }
  return "{\"error\": \"there is no such case\"}";
}

std::string measure(std::istringstream& words, device::stream s, const prepared_case& c) {
  std::string form;
  double seconds = 0.3;
  words >> form >> seconds;
  if (!c.what) return "{\"error\": \"nothing is prepared\"}";
  return line_of(c, measure_on_device(s, [&] { c.what->enqueue(s); }, seconds));
}

void serve(device::stream s) {
  prepared_case current;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string request, answer = "{\"error\": \"requests are: list, device, prepare CASE DTYPE, measure FORM SECONDS\"}";
    words >> request;
    if (request == "list") answer = list_line();
    if (request == "device") answer = device_line();
    if (request == "prepare") answer = prepare(words, s, current);
    if (request == "measure") answer = measure(words, s, current);
    std::puts(answer.c_str());
    std::fflush(stdout);
  }
}

/// One line of the table; true where the result is right.
bool tabulate(const device_entry& e, device::stream s, std::FILE* json) {
  prepared_case c;
  const std::string wrong = make(e, s, c);
  if (!wrong.empty()) {
    std::printf("%-58s %s\n", e.name.c_str(), wrong.c_str());
    return false;
  }
  const peers::sample_times t = measure_on_device(s, [&] { c.what->enqueue(s); }, 0.3);
  std::printf("%-58s %12.2f us %10.1f TFLOP/s %9.1f GB/s\n", e.name.c_str(), t.minimum * 1e-3,
              c.what->flop() / t.minimum * 1e-3, c.what->bytes() / t.minimum);
  if (json != nullptr) std::fprintf(json, "%s\n", line_of(c, t).c_str());
  return true;
}

int table(const std::string& filter, const char* file, device::stream s) {
  std::FILE* const json = file != nullptr ? std::fopen(file, "w") : nullptr;
  if (file != nullptr && json == nullptr) {
    std::fprintf(stderr, "cannot write %s\n", file);
    return 2;
  }
  std::puts(device_line().c_str());
  if (json != nullptr) std::fprintf(json, "%s\n", device_line().c_str());
  const std::regex wanted(filter);
  bool right = true;
  for (const device_entry& e : device_entries())
    if (std::regex_search(e.name, wanted) || std::regex_search(e.key, wanted)) right = tabulate(e, s, json) && right;
  if (json != nullptr && std::fclose(json) != 0) {
    std::fprintf(stderr, "cannot write %s\n", file);
    return 2;
  }
  return right ? 0 : 1;
}

}  // namespace

/// heddle_cuda_bench [FILTER] [--json FILE] | --serve
int main(int argc, char** argv) {
  try {
    std::string filter;
    const char* file = nullptr;
    bool serving = false;
    for (int i = 1; i < argc; ++i) {
      if (std::strcmp(argv[i], "--serve") == 0) {
        serving = true;
      } else if (std::strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
        file = argv[++i];
      } else if (argv[i][0] != '-' && filter.empty()) {
        filter = argv[i];
      } else {
        std::fprintf(stderr, "usage: heddle_cuda_bench [FILTER] [--json FILE] | --serve\n");
        return 2;
      }
    }
    const device::owned_stream stream;
    if (!serving) return table(filter, file, stream);
    serve(stream);
    return 0;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "heddle_cuda_bench: %s\n", problem.what());
    return 2;
  }
}
