// Other ways from scores to weights, and rotary positions, on the tokens of ViT-B.
#include "bench/support/attention_subject.hpp"

namespace {

using namespace heddle;
using bench::add_attention;

[[maybe_unused]] const bool registered = [] {
  const bench::attention_shape shape{.heads = 12, .grid = sequence_grid(196)};
  add_attention<64>("softmax_one", "", "softmax with a key that is not there", attention<softmax_one>{}, shape);
  add_attention<64>("sigmoid", "", "sigmoid weights", attention<sigmoid_weights>{}, shape);
  add_attention<64>("top_k32", "", "the 32 largest scores", attention<top_k<32>>{}, shape);
  add_attention<64>("rotary", "", "rotary positions", attention<rotary<>>{}, shape);
  return true;
}();

}  // namespace
