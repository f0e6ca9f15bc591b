// Swin Transformer V2: cosine scores with a learned scale, windows of 16x16 and 8x8, a bias of every offset.
#include "bench/support/attention_subject.hpp"

namespace {

using namespace heddle;
using bench::add_attention;

[[maybe_unused]] const bool registered = [] {
  static const std::vector<float> table = test::normal_vector(31 * 31 * 4, 3, 0.5);
  static const std::vector<float> scales(4, 2.3025851F);  // ln 10: a factor of 10
  const cosine score{scales.data(), 4};
  const relative_position_bias<16> bias16{table.data(), 4};
  const relative_position_bias<8> bias8{table.data(), 4};
  add_attention<32>("window16_cosine_bias", "b3", "Swin V2 windows of 16x16, bias", attention{window<16>{}, score, bias16},
                    {.batch = 16, .heads = 4, .grid = {1, 16, 16}});
  add_attention<32>("window8_cosine_bias", "b4", "Swin V2 windows of 8x8, bias", attention{window<8>{}, score, bias8},
                    {.batch = 64, .heads = 4, .grid = {1, 8, 8}});
  return true;
}();

}  // namespace
