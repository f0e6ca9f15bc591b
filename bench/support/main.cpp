// The program around the registered benchmarks: Google Benchmark with our table, our counters and a check of every result.
//
//     heddle_bench [--threads=N] [--serve] [Google Benchmark's options]
//
// --benchmark_filter=REGEX, --benchmark_min_time=SECONDS, --benchmark_repetitions=N; --benchmark_format=json for JSON instead
// of the table, --benchmark_out=FILE --benchmark_out_format=json for both.
#include <benchmark/benchmark.h>

#include <heddle/config.hpp>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "limits.hpp"
#include "reporter.hpp"
#include "serve.hpp"
#include "subject.hpp"

namespace {

using namespace heddle::bench;
using benchmark::Counter;

/// Google Benchmark calls a function several times until it runs long enough: the subject is prepared and checked once.
struct {
  const entry* which = nullptr;
  std::unique_ptr<subject> what;
  double error = 0;
} current;

/// The exit code: 1 after a wrong result, 2 after a problem that was refused.
int status = 0;

/// Prepares and checks; the sentence of what was refused, or nothing.
std::string prepare(const entry& e, std::size_t threads) {
  current.what.reset();  // the memory of the one before
  current.which = &e;
  current.error = 0;
#if HEDDLE_HAS_EXCEPTIONS
  try {
    current.what = e.make(threads);
    current.error = current.what->error();
  } catch (const std::exception& refused) {
    current.what.reset();
    status = 2;
    return refused.what();
  }
#else
  current.what = e.make(threads);
  current.error = current.what->error();
#endif
  if (current.error < e.tolerance) return "";
  status = 1;
  return "the result is wrong: the largest difference is " + std::to_string(current.error) + " of the largest value";
}

void run(benchmark::State& state, const entry& e, std::size_t threads) {
  static std::string sentence;
  if (current.which != &e) sentence = prepare(e, threads);
  if (!sentence.empty()) return state.SkipWithError(sentence.c_str());
  for (auto _ : state) {
    current.what->run();
    benchmark::ClobberMemory();
  }
  const double flop = current.what->flop();
  const double peak = limits().peak(e.dtype) * 1e9 * static_cast<double>(threads);
  state.counters[rate_counter] = Counter(flop, Counter::kIsIterationInvariantRate);
  state.counters[peak_counter] = Counter(flop / peak, Counter::kIsIterationInvariantRate);
  state.counters[bytes_counter] = Counter(current.what->bytes(), Counter::kIsIterationInvariantRate);
  state.counters[error_counter] = Counter(current.error);
}

/// Takes an option of ours out of the arguments; null if it is not there.
const char* take_option(std::vector<char*>& arguments, const char* name) {
  const std::size_t length = std::strlen(name);
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const char* a = arguments[i];
    if (std::strncmp(a, name, length) != 0 || (a[length] != '\0' && a[length] != '=')) continue;
    arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(i));
    return a[length] == '=' ? a + length + 1 : "";
  }
  return nullptr;
}

bool wants_other_format(const std::vector<char*>& arguments) {
  for (const char* a : arguments)
    if (std::strncmp(a, "--benchmark_format", 18) == 0) return true;
  return false;
}

void add_context() {
  const machine_limits& m = limits();
  const auto add_figure = [](const char* name, double value) { benchmark::AddCustomContext(name, std::to_string(value)); };
  add_figure("peak_f32_gflops", m.f32);
  add_figure("peak_bf16_gflops", m.peak("bf16"));
  add_figure("read_l1_gbytes", m.read_l1);
  add_figure("read_l2_gbytes", m.read_l2);
  add_figure("read_memory_gbytes", m.read_memory);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<char*> arguments(argv, argv + argc);
  if (take_option(arguments, "--serve") != nullptr) return serve();
  std::size_t threads = 0;
  if (const char* text = take_option(arguments, "--threads"); text != nullptr) {
    threads = static_cast<std::size_t>(std::strtoul(text, nullptr, 10));
    if (threads == 0) {
      std::fputs("heddle_bench: --threads=N wants a number above 0\n", stderr);
      return 2;
    }
  }
  const bool own_table = !wants_other_format(arguments);
  int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
  for (const entry& e : entries()) {
    const std::size_t n = threads != 0 ? threads : e.threads;
    // Real time: with several threads the calling one's time says nothing.
    benchmark::RegisterBenchmark(e.name.c_str(), [&e, n](benchmark::State& state) { run(state, e, n); })
        ->UseRealTime()
        ->Unit(benchmark::kMicrosecond);
  }
  add_context();
  table_reporter table;
  const std::size_t ran = own_table ? benchmark::RunSpecifiedBenchmarks(&table) : benchmark::RunSpecifiedBenchmarks();
  current.what.reset();
  benchmark::Shutdown();
  return ran == 0 ? 2 : status;
}
