// Times MaxSR-light x2 at one size, in the format of the other programs here.
//
//     maxsr_time FOLDER HEIGHTxWIDTH [threads [seconds]]
//
// FOLDER is what `maxsr_peers.py files` has written: weights.safetensors, input.f32 and expected.f32. The result is compared with
// the expected one before anything is timed. With 0 seconds the program says {"ready": ...}, and measures for the number of
// seconds on every line that it reads.

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "heddle/backend/simd.hpp"
#include "heddle/io/bind.hpp"
#include "maxsr/maxsr.hpp"
#include "timing.hpp"

namespace {

using network = heddle::examples::maxsr_light<2>;
using picture = heddle::tensor<float, heddle::map_extents>;

picture read(const std::string& path, const heddle::map_extents& extents) {
  picture p(extents);
  std::ifstream file(path, std::ios::binary);
  const auto bytes = static_cast<std::streamsize>(p.size() * sizeof(float));
  file.read(reinterpret_cast<char*>(p.data()), bytes);
  if (file.gcount() != bytes || file.peek() != std::ifstream::traits_type::eof())
    throw std::runtime_error(path + " is not a picture of the given size");
  return p;
}

/// The largest difference, relative to the largest expected value.
double relative_difference(const picture& expected, const picture& got) {
  double largest = 0;
  double difference = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(expected.data()[i])));
    difference = std::max(difference, std::abs(static_cast<double>(expected.data()[i]) - static_cast<double>(got.data()[i])));
  }
  return difference / largest;
}

template <class Backend>
void time_network(const std::string& folder, const std::string& size, const heddle::map_extents& extents,
                  const Backend& backend, double seconds) {
  network net;
  heddle::io::bind<heddle::simd>(net, heddle::io::safetensors{folder + "/weights.safetensors"}, network::key_map());
  const picture x = read(folder + "/input.f32", extents);
  const picture expected = read(folder + "/expected.f32", heddle::output_extents<network>(extents));
  picture y(expected.extents());
  const heddle::workspace scratch(heddle::workspace_bytes<network>(extents, backend));
  const auto run = [&] { heddle::run(net, x.view(), y.view(), scratch, backend); };

  run();
  const double error = relative_difference(expected, y);
  if (!(error < 1e-5)) throw std::runtime_error("the result is wrong, relative difference " + std::to_string(error));
  char more[96];
  std::snprintf(more, sizeof more, ", \"rel_err\": %.1e, \"workspace\": %zu", error, scratch.size());
  const auto flop = static_cast<double>(heddle::flops<network>(extents));
  const auto report = [&](double for_seconds) {
    peers::report("heddle", "maxsr_light_x2 " + size, backend.concurrency(), flop, peers::measure(run, for_seconds), more);
  };
  if (seconds > 0) return report(seconds);
  std::puts("{\"ready\": \"heddle\"}");
  std::fflush(stdout);
  for (char line[64]; std::fgets(line, sizeof line, stdin) != nullptr;) report(std::atof(line));
}

}  // namespace

int main(int argc, char** argv) try {
  std::size_t height = 0;
  std::size_t width = 0;
  if (argc < 3 || std::sscanf(argv[2], "%zux%zu", &height, &width) != 2) {
    std::fputs("usage: maxsr_time FOLDER HEIGHTxWIDTH [threads [seconds]]\n", stderr);
    return 2;
  }
  const auto threads = static_cast<std::size_t>(argc > 3 ? std::atoi(argv[3]) : 1);
  const double seconds = argc > 4 ? std::atof(argv[4]) : 2;
  const heddle::map_extents extents(1, height, width, 3);
  if (threads == 1) {
    time_network(argv[1], argv[2], extents, heddle::simd{}, seconds);
  } else {
#if defined(_OPENMP)
    time_network(argv[1], argv[2], extents, heddle::simd_on<heddle::openmp>{heddle::openmp(threads)}, seconds);
#else
    throw std::runtime_error("built without OpenMP: one thread only");
#endif
  }
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "maxsr_time: %s\n", e.what());
  return 1;
}
