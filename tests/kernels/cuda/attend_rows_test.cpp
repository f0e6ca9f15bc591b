// What only the row kernel of attend computes on a device, emulated, against the definition: heads that are longer than tiles, their
// weights observed too.
#include "tests/kernels/cuda/attend_on_device.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

using everything = observe<logsumexp, key_importance, class_row, probabilities>;
constexpr std::size_t longer = 130;  // than tiles of floats

}  // namespace

TEST_CASE("attend cuda rows: observers of weights") {
  for (const std::size_t n : {1U, 17U, 40U})
    require_like_definition(attention{everything{}}, self_call(sequence_grid(n), longer), n);
  require_like_definition(attention{everything{}, window<>{4, 4, 1, 2}, same_region{}, softmax_one{}},
                          self_call({1, 9, 7}, longer), 3);
}

TEST_CASE("attend cuda rows: importance of more rows than a launch takes") {
  const attention c{everything{}, window<>{1, 2, 0, 1}, same_region{}, softmax_one{}};
  require_like_definition(c, self_call({1, 30, 36}, longer), 4);  // 1080 problems, of which 1024 have scratch
}

TEST_CASE("attend cuda rows: importance weighs rows") {
  const attend_sizes_of_call s = self_call(sequence_grid(33), longer, 2, 2);
  attend_inputs<float> x(s, 4);
  x.weights = normal_vector(s.batch * s.heads * s.grid.size(), 5);
  const attention c{everything{}};
  const auto expected = run_definition<dyn>(c, s, x);
  in_both_orders([&] { require_same_results(expected, run_on_device<dyn, float>(c, s, x), 1e-5); });
}

TEST_CASE("attend cuda rows: heads that are longer than tiles") {
  for (const std::size_t dim : {129U, 257U, 512U})
    require_like_definition(attention<causal<>, logsumexp>{}, self_call(sequence_grid(20), dim, 1), dim);
  require_like_definition<dyn, bfloat16, float>(attention<logsumexp>{}, self_call(sequence_grid(20), 300, 1), 7);
}
