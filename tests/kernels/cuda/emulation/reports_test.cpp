// Small kernels with one mistake each: what the report says, and that nothing else is reported.
#include <heddle/cuda/device/copy.cuh>
#include <heddle/cuda/device/global.cuh>
#include <heddle/cuda/device/matrix.cuh>
#include <heddle/cuda/device/mbarrier.cuh>
#include <heddle/cuda/device/sync.cuh>
#include <heddle/cuda/device/warp.cuh>
#include <heddle/cuda/launch.cuh>

#include <vector>

#include "tests/support/catch.hpp"

namespace {

using Catch::Matchers::Contains;
namespace device = heddle::device;
namespace emulation = heddle::device::emulation;
using emulation::problem;

enum class kind {
  shuffle_instead_of_sync,
  store_after_arrive,
  never_written,
  uncommitted_copy,
  unwaited_copy,
  different_lines,
  different_masks,
  misaligned_shared,
  misaligned_global,
  read_only,
  barrier_of_part_of_a_warp,
  barrier_counts_differ,
  barrier_of_half_warps,
  half_a_block_syncs,
  early_arrival,
  plain_access_to_mbarrier,
  unknown_mbarrier,
  missing_arrival,
  same_lane_only
};

/// Four warps and 1 KiB of shared memory.
template <kind Kind>
struct faulty {
  static constexpr unsigned threads = 128;
  const float* in;
  float* out;

  HEDDLE_DEVICE void operator()() const {
    const device::shared_view<float> held{device::shared_base()};
    const unsigned i = device::thread();
    if constexpr (Kind == kind::shuffle_instead_of_sync) {
      held.store(i, 1.0f);
      device::shuffle_xor(1.0f, 1);
      device::store_global(out + i, held.load(i ^ 1));
    } else if constexpr (Kind == kind::store_after_arrive) {
      if (device::warp() == 0) {
        device::barrier_arrive(1, 128);
        held.store(i, 1.0f);
      } else {
        device::barrier_sync(1, 128);
        device::store_global(out + i, held.load(i % 32));
      }
    } else if constexpr (Kind == kind::never_written) {
      if (i != 5) held.store(i, 1.0f);
      device::sync_block();
      device::store_global(out + i, held.load(i));
    } else if constexpr (Kind == kind::uncommitted_copy) {
      device::copy_async<4>(held.at(i), in + i);
      device::copy_wait<0>();
      device::store_global(out + i, held.load(i));
    } else if constexpr (Kind == kind::unwaited_copy) {
      device::copy_async<4>(held.at(i), in + i);
      device::copy_commit();
    } else if constexpr (Kind == kind::different_lines) {
      if (i % 2 == 0) {
        device::sync_warp();
      } else {
        device::sync_warp();
      }
    } else if constexpr (Kind == kind::different_masks) {
      if (device::lane() == 3) {
        device::vote_any(true);
      } else {
        device::shuffle(1.0f, 0);
      }
    } else if constexpr (Kind == kind::misaligned_shared) {
      device::shared_store(held.at(i) + 2, 1.0f);
    } else if constexpr (Kind == kind::misaligned_global) {
      device::store_vector(out + 1, device::vector<float, 4>{});
    } else if constexpr (Kind == kind::read_only) {
      device::store_global(const_cast<float*>(in) + i, 1.0f);
    } else if constexpr (Kind == kind::barrier_of_part_of_a_warp) {
      device::barrier_sync(1, 48);
    } else if constexpr (Kind == kind::barrier_counts_differ) {
      device::barrier_sync(1, device::warp() < 2 ? 128 : 64);
    } else if constexpr (Kind == kind::barrier_of_half_warps) {
      if (device::lane() < 16) device::barrier_sync(1, 64);
    } else if constexpr (Kind == kind::half_a_block_syncs) {
      if (device::warp() < 2) device::sync_block();
    } else if constexpr (Kind == kind::early_arrival || Kind == kind::plain_access_to_mbarrier) {
      if (i == 0) device::mbarrier_init(device::shared_base(), 2);
      device::sync_block();
      if (Kind == kind::early_arrival && i < 3) device::mbarrier_arrive_expect(device::shared_base(), 64);
      if (Kind == kind::plain_access_to_mbarrier && i == 1) held.store(1, 0.0f);
    } else if constexpr (Kind == kind::unknown_mbarrier) {
      device::mbarrier_wait(device::shared_base(), 0);
    } else if constexpr (Kind == kind::missing_arrival) {
      if (i == 0) device::mbarrier_init(device::shared_base(), 129);
      device::sync_block();
      device::mbarrier_arrive(device::shared_base());
      device::mbarrier_wait(device::shared_base(), 0);
    } else {
      held.store(i, 1.0f);  // a lane needs no barrier for what is its own
      device::store_global(out + i, held.load(i));
      held.store(i, 2.0f);
    }
  }
};

/// Runs it under one seed and gives the reports.
template <kind Kind>
std::string run(std::uint64_t seed, std::initializer_list<problem> expected) {
  const std::vector<float> in(128);
  std::vector<float> out(128);
  emulation::register_buffer(in.data(), 512, "weights", true);
  const emulation::exposed known(out, "result");
  const emulation::options_scope order({.seed = seed});
  emulation::report_scope reports;
  device::launch(nullptr, 1, 1024, faulty<Kind>{in.data(), out.data()});
  emulation::unregister_buffer(in.data());
  INFO(reports.text());
  REQUIRE(reports.reports().empty() == (expected.size() == 0));
  for (const auto& r : reports.reports()) {
    bool known_kind = false;
    for (const auto p : expected) known_kind = known_kind || r.kind == p;
    CHECK(known_kind);
    CHECK(r.count > 0);
    CHECK(r.line.line != 0);
  }
  return reports.text();
}

template <kind Kind>
void check(const char* words, std::initializer_list<problem> expected) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) CHECK_THAT(run<Kind>(seed, expected), Contains(words));
}

}  // namespace

TEST_CASE("emulation: an exchange does not order memory") {
  check<kind::shuffle_instead_of_sync>("nothing orders it after the", {problem::race, problem::never_written});
}

TEST_CASE("emulation: what a lane does after it arrived is not ordered") {
  check<kind::store_after_arrive>("nothing orders it after the", {problem::race, problem::never_written});
}

TEST_CASE("emulation: memory that nobody wrote") {
  check<kind::never_written>("shared bytes 20 to 23 by lane 5", {problem::never_written});
}

TEST_CASE("emulation: copies not waited for") {
  check<kind::uncommitted_copy>("is in flight", {problem::in_flight, problem::unfinished_copy});
  check<kind::unwaited_copy>("it had not waited for", {problem::unfinished_copy});
}

TEST_CASE("emulation: lanes that must go together") {
  check<kind::different_lines>("of its warp are in sync_warp", {problem::diverged});
  check<kind::different_masks>("of its warp are in", {problem::diverged});
}

TEST_CASE("emulation: addresses") {
  check<kind::misaligned_shared>("is not aligned to 4", {problem::misaligned});
  check<kind::misaligned_global>("is not aligned to 16", {problem::misaligned});
  check<kind::read_only>("weights, which is read only", {problem::global_access});
}

TEST_CASE("emulation: barriers") {
  check<kind::barrier_of_part_of_a_warp>("of 48 lanes", {problem::barrier_misuse});
  check<kind::barrier_counts_differ>("barrier_sync", {problem::diverged, problem::deadlock});
  check<kind::barrier_of_half_warps>("16 lanes of warp 0 came", {problem::diverged});
  check<kind::half_a_block_syncs>("64 lanes", {problem::deadlock});
}

TEST_CASE("emulation: mbarriers") {
  check<kind::early_arrival>("more arrivals than the 2 expected", {problem::barrier_misuse});
  check<kind::missing_arrival>("128 lanes", {problem::deadlock});
  check<kind::plain_access_to_mbarrier>("touches an mbarrier", {problem::barrier_misuse});
  check<kind::unknown_mbarrier>("no mbarrier was initialised", {problem::barrier_misuse});
}

TEST_CASE("emulation: a lane's own order") {
  run<kind::same_lane_only>(0, {});
  run<kind::same_lane_only>(1, {});
}

#if HEDDLE_HAS_EXCEPTIONS
TEST_CASE("emulation: without a collector a launch with mistakes raises one error") {
  std::vector<float> out(128);
  const emulation::exposed known(out);
  REQUIRE_THROWS_WITH(device::launch(nullptr, 1, 1024, faulty<kind::never_written>{nullptr, out.data()}),
                      Contains("faulty<") && Contains("never written") && Contains("reports_test.cpp"));
  device::launch(nullptr, 1, 1024, faulty<kind::same_lane_only>{nullptr, out.data()});
  CHECK(out[127] == 1.0f);
}
#endif
