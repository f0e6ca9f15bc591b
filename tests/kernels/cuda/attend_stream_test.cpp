// Keys that stream past queries on a device, emulated, against the definition: every length and head_dim around tiles.
#include <heddle/cuda/attend_stream.cuh>

#include "tests/kernels/cuda/attend_on_device.hpp"

using namespace heddle;
using namespace heddle::test;

TEST_CASE("attend cuda stream: every number of tokens around tiles") {
  for (const std::size_t n : {1U, 7U, 8U, 9U, 31U, 32U, 33U, 63U, 64U, 65U, 150U})
    require_like_definition(attention<logsumexp>{}, self_call(sequence_grid(n), 12), n);
}

TEST_CASE("attend cuda stream: every head_dim around tiles") {
  for (const std::size_t dim : {1U, 2U, 5U, 16U, 63U, 64U, 65U, 100U, 128U})
    require_like_definition(attention<logsumexp>{}, self_call(sequence_grid(35), dim, 1), dim);
}

TEST_CASE("attend cuda stream: arrays that begin anywhere") {
  for (const std::size_t offset : {1U, 2U, 3U})
    require_like_definition(attention<logsumexp>{}, self_call(sequence_grid(35), 8), offset, 1e-5, 0.0, offset);
}

TEST_CASE("attend cuda stream: products of longer sums stay within the bound") {
  require_like_definition(attention<causal<>, logsumexp>{}, self_call(sequence_grid(130), 64, 1), 5);
  require_like_definition(attention<causal<>, logsumexp>{}, self_call(sequence_grid(300), 64, 1), 6);
}

TEST_CASE("attend cuda stream: sums over many keys of one sign do not drift") {
  attend_sizes_of_call s = self_call(sequence_grid(16), 16, 1);
  s.key_grid = sequence_grid(2048);
  const attention<cross_source, logsumexp> c{};
  attend_inputs<float> x(s, 3);
  for (float& value : x.v) value = 1.0F + 0.25F * value;
  require_same_results(run_definition<dyn>(c, s, x), run_on_device<dyn, float>(c, s, x), 2e-6);
}

TEST_CASE("attend cuda stream: rows of matrices lie in different banks") {
  const attend_sizes_of_call s = self_call(sequence_grid(64), 64, 1);
  const attend_inputs<float> x(s, 3);
  device::emulation::counters() = {};
  run_on_device<dyn, float>(attention<causal<>, logsumexp>{}, s, x);
  CHECK(device::emulation::counters().matrix_phases > 0);
  CHECK(device::emulation::counters().matrix_passes == device::emulation::counters().matrix_phases);
}

TEST_CASE("attend cuda stream: no batch items, no queries, no keys") {
  require_like_definition(attention<causal<>, logsumexp>{}, self_call(sequence_grid(0), 64, 1), 1);
  require_like_definition(attention<causal<>, logsumexp>{}, self_call(sequence_grid(9), 64, 1, 0), 1);
  const attention<cross_source, softmax_one, logsumexp> cross{};
  for (const std::size_t keys : {0U, 1U, 40U}) {
    attend_sizes_of_call s = self_call(sequence_grid(20), 16);
    s.key_grid = sequence_grid(keys);
    require_like_definition<16>(cross, s, keys);
  }
}
