// Mistakes in a streaming kernel: each is reported, in order and at random; without them it is clean and right.
#include "attention_runs.hpp"

namespace {

using namespace test;

/// Runs the streaming kernel; the error of its result.
template <mistake Mistake>
double stream(std::uint64_t seed, unsigned length, unsigned heads = 1) {
  tensors t(heads, length);
  const emulation::exposed q(t.q, "q"), k(t.k, "k"), v(t.v, "v"), out(t.out, "out");
  const emulation::options_scope order({.seed = seed});
  using kernel = test::streaming_attention<Mistake>;
  const unsigned blocks = (length + 63) / 64;
  device::launch(nullptr, heads * blocks, kernel::shared_bytes,
                 kernel{t.q.data(), t.k.data(), t.v.data(), t.out.data(), length, blocks});
  return t.error();
}

}  // namespace

TEST_CASE("emulation: streaming attention is right and clean") {
  for (const auto seed : seeds) {
    CHECK(stream<mistake::none>(seed, 128, 2) < 0.01);
    CHECK(stream<mistake::none>(seed, 49) < 0.01);
    CHECK(stream<mistake::none>(seed, 145) < 0.01);
  }
}

TEST_CASE("emulation: swizzled tiles have no bank conflicts, others eight accesses for one") {
  emulation::counters() = {};
  stream<mistake::none>(0, 128);
  CHECK(emulation::counters().matrix_phases != 0);
  CHECK(emulation::counters().matrix_passes == emulation::counters().matrix_phases);
  emulation::counters() = {};
  CHECK(stream<mistake::no_swizzle>(0, 64) < 0.01);
  CHECK(emulation::counters().matrix_passes == 8 * emulation::counters().matrix_phases);
}

TEST_CASE("emulation: mistakes of the streaming kernel are reported") {
  SECTION("no wait for the copies") {
    require_reported([](auto seed) { stream<mistake::no_copy_wait>(seed, 192); }, {problem::in_flight});
  }
  SECTION("no barrier after the wait") {
    require_reported([](auto seed) { stream<mistake::no_sync_after_wait>(seed, 192); }, {problem::race, problem::in_flight});
  }
  SECTION("no barrier at the end of the loop") {
    require_reported([](auto seed) { stream<mistake::no_sync_at_end>(seed, 192); }, {problem::race});
  }
  SECTION("a shared address outside") {
    require_reported([](auto seed) { stream<mistake::out_of_bounds>(seed, 192); }, {problem::out_of_bounds});
  }
  SECTION("one lane alone in a warp's barrier") {
    require_reported([](auto seed) { stream<mistake::one_lane_syncs>(seed, 64); }, {problem::diverged});
  }
  SECTION("a lane leaves before a barrier") {
    require_reported([](auto seed) { stream<mistake::lane_leaves_early>(seed, 64); }, {problem::deadlock});
  }
  SECTION("a warp skips a barrier") {
    require_reported([](auto seed) { stream<mistake::warp_skips_sync>(seed, 192); },
                     {problem::race, problem::deadlock, problem::in_flight});
  }
  SECTION("stores and loads outside the tensor") {
    require_reported([](auto seed) { stream<mistake::store_past_the_end>(seed, 49); }, {problem::global_access});
    require_reported([](auto seed) { stream<mistake::load_past_the_end>(seed, 49); }, {problem::global_access});
  }
  SECTION("values not transposed: only the result shows it") {
    emulation::report_scope reports;
    CHECK(stream<mistake::not_transposed>(0, 64) > 0.1);
    CHECK(reports.empty());
  }
}
