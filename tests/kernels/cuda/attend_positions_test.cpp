// Policies that change queries and keys on a device, emulated, against the definition.
#include "tests/kernels/cuda/attend_on_device.hpp"

using namespace heddle;
using namespace heddle::test;

TEST_CASE("attend cuda: rotary positions after normalised rows") {
  const attention c{positions{qk_norm<row_norm::rms>{.epsilon = 0.1F}, rotary<>{.query_offset = 3}}, causal<>{}, logsumexp{}};
  for (const std::size_t n : {1U, 70U, 130U}) require_like_definition(c, self_call(sequence_grid(n), 16), n);
  require_like_definition<dyn, bfloat16, float>(c, self_call(sequence_grid(100), 16), 4, 2e-2);
}

TEST_CASE("attend cuda: cosines of any head_dim") {
  const policy_table<float> scales({0.3F, 2.0F});
  const attention c{cosine{scales.data(), 2}, window<>{5, 4, 1, 2}, same_region{}, logsumexp{}};
  for (const std::size_t dim : {3U, 12U, 70U}) require_like_definition(c, self_call({1, 9, 7}, dim), dim);
}
