// How long emulated attention takes, for docs/emulation.md:
// g++ -std=c++20 -O1 -Iinclude -Ikernels -I. tests/kernels/cuda/emulation/timing.cpp -o timing && ./timing
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "attention_kernels.hpp"

namespace {

using namespace test;
namespace emulation = heddle::device::emulation;

/// Milliseconds of the fastest of nine runs.
template <class F>
double fastest(F f) {
  double best = 1e9;
  for (int i = 0; i < 9; ++i) {
    const auto start = std::chrono::steady_clock::now();
    f();
    best = std::min(best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

void measure(unsigned length, emulation::emulation_options how) {
  std::vector<device::bf16> q(std::size_t{length} * head, device::bf16(0.5f));
  auto k = q;
  auto v = q;
  auto out = q;
  const emulation::exposed known_q(q), known_k(k), known_v(v), known_out(out);
  const emulation::options_scope scope(how);
  const unsigned blocks = length / tile;

  using streaming = streaming_attention<mistake::none>;
  emulation::counters() = {};
  const double stream = fastest([&] {
    device::launch(nullptr, blocks, streaming::shared_bytes,
                   streaming{q.data(), k.data(), v.data(), out.data(), length, blocks});
  });
  const auto switches = emulation::counters().switches / 9;

  using specialised = specialised_attention<mistake::none>;
  const std::uint64_t extents[] = {head, length};
  const std::uint64_t strides[] = {head * 2};
  const std::uint32_t box[] = {head, tile};
  const auto map = [&](std::vector<device::bf16>& t) {
    return device::make_tensor_map(t.data(), extents, strides, box, device::swizzle::bytes_128);
  };
  const specialised kernel{map(q), map(k), map(v), map(out), length};
  emulation::counters() = {};
  const double special = fastest([&] { device::launch(nullptr, blocks, specialised::shared_bytes, kernel); });
  const double pairs = blocks * blocks;
  std::printf(
      "length %4u, %s, %s: streaming %6.2f ms (%.2f a pair of tiles, %llu switches), specialised %6.2f ms (%.2f, %llu)\n",
      length, how.races ? "checked  " : "unchecked", how.seed == 0 ? "in order " : "at random", stream, stream / pairs,
      static_cast<unsigned long long>(switches), special, special / pairs,
      static_cast<unsigned long long>(emulation::counters().switches / 9));
}

}  // namespace

int main() {
  for (const unsigned length : {64u, 256u, 512u}) {
    for (const bool races : {true, false}) {
      for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}}) measure(length, {.seed = seed, .races = races});
    }
  }
}
