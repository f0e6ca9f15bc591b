// Long sequences: everything sees everything, nobody sees what comes later, or only the last 1024; a decoding step.
#include "device_attention.cuh"

namespace {

using namespace heddle;
using bench::add_device_attention;

/// 16384 tokens in all, 2048 channels, as published tables of such kernels have it.
constexpr bench::attention_shape sequences(std::size_t tokens, std::size_t dim) {
  return {.batch = 16384 / tokens, .heads = 2048 / dim, .grid = sequence_grid(tokens)};
}

template <std::size_t D>
void add_dense(const std::string& name) {
  const auto self = [] { return attention<>{}; };
  const auto language = [] { return attention<causal<>>{}; };
  for (const std::size_t tokens : {2048UL, 4096UL, 8192UL, 16384UL}) {
    const std::string length = std::to_string(tokens / 1024) + "k";
    add_device_attention<bfloat16, D>("global", "dense" + name + '-' + length, "dense, head_dim " + name, self,
                                      sequences(tokens, D));
    add_device_attention<bfloat16, D>("causal", "causal" + name + '-' + length, "causal, head_dim " + name, language,
                                      sequences(tokens, D));
  }
}

[[maybe_unused]] const bool registered = [] {
  add_dense<64>("64");
  add_dense<128>("128");
  const auto recent = [] { return attention<sliding<1024>>{}; };
  add_device_attention<bfloat16, 64>("sliding1024", "sliding64-16k", "sliding window of 1024", recent, sequences(16384, 64));
  add_device_attention<float, 64>(
      "global", "dense64-2k", "dense, head_dim 64", [] { return attention<>{}; }, sequences(2048, 64));
  const auto decode = [] { return attention<grouped<8, cross_source>>{}; };
  add_device_attention<bfloat16, 128>("decode", "decode128-32k",
                                      "decoding step, 32768 stored keys, 8 query heads to a key head", decode,
                                      {.heads = 32, .kv_heads = 4, .grid = sequence_grid(1), .keys = 32768});
  return true;
}();

}  // namespace
