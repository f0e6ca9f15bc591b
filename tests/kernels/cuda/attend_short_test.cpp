// Many small problems on the emulated device against the definition: lengths around tiles, element types, head dimensions that
// fill no vector, more groups than a grid has rows. Lanes run in order and in random order and must be free of races.
#include "tests/kernels/cuda/attend_short_case.hpp"

using namespace heddle;
using namespace heddle::test;

TEST_CASE("attend cuda short: floats, lengths around tiles") {
  for (const std::size_t n : {1U, 7U, 16U, 49U, 64U, 65U, 130U})
    check_short<16>(attention{logsumexp{}}, way_case::self(sequence_grid(n), n));
  check_short<16>(attention{logsumexp{}}, way_case::self(sequence_grid(20), 7, 3, 2, 1));  // not aligned
}

TEST_CASE("attend cuda short: elements of 16 bits") {
  check_short<32, bfloat16>(attention{logsumexp{}}, way_case::self(sequence_grid(49), 1, 3, 2), 2e-3, bf16_rounding);
  check_short<32, bfloat16>(attention{logsumexp{}}, way_case::self(sequence_grid(97), 2), 2e-3,
                            bf16_rounding);  // shared by blocks
  check_short<10, half>(attention{block<4>{}, logsumexp{}}, way_case::self({1, 8, 8}, 3), 2e-3, f16_rounding);
  check_short<10, half>(attention{block<4>{}, logsumexp{}}, way_case::self({1, 8, 8}, 3, 3, 1, 1), 2e-3, f16_rounding);
}

TEST_CASE("attend cuda short: matrices are loaded without conflicts") {
  device::emulation::counters() = {};
  check_short<32, bfloat16>(attention{logsumexp{}}, way_case::self(sequence_grid(64), 4), 2e-3, bf16_rounding);
  CHECK(device::emulation::counters().products > 0);
  CHECK(device::emulation::counters().matrix_phases == device::emulation::counters().matrix_passes);
}

TEST_CASE("attend cuda short: more windows than 65535") {
  const way_case s = way_case::self({1, 514, 512}, 5, 1);
  const auto x = random_inputs<16, float>(s);
  const attention c{block<2>{}, logsumexp{}};
  const auto keys = [&](const float* p) { return merged_heads<16>(p, s.batch, s.grid.size(), s.heads); };
  const device::emulation::options_scope fast({.races = false});
  require_close(by_definition<16>(c, s, x), by_way<short_way, 16, float>(c, s, x, keys), true, 1e-5, 0.0);
}
