// Windows, blocks and grids from the map and to the map: Swin, Swin V2, MaxSR.
#include "device_attention.cuh"

namespace {

using namespace heddle;
using bench::add_device_attention;
using bench::operands;
using bench::policy_table;

constexpr bench::attention_shape maps(std::size_t images, std::size_t heads, std::size_t side) {
  return {.batch = images, .heads = heads, .grid = {1, side, side}, .where = operands::projection};
}

template <std::size_t W>
auto shifted() {
  return attention{window<W>{W / 2, W / 2}, same_region{},
                   relative_position_bias<W>{policy_table((2 * W - 1) * (2 * W - 1) * 3, 3, 0.5), 3}};
}

template <class T, std::size_t D>
void add_super_resolution(const std::string& dim) {
  for (const std::size_t images : {1UL, 64UL}) {
    const std::string key = dim + "-" + std::to_string(images);
    add_device_attention<T, D>(
        "block8", "block8-" + key, "MaxSR blocks", [] { return attention<block<8>>{}; }, maps(images, 4, 256));
    add_device_attention<T, D>(
        "grid8", "grid8-" + key, "MaxSR grid", [] { return attention<grid<8>>{}; }, maps(images, 4, 256));
  }
}

[[maybe_unused]] const bool registered = [] {
  add_device_attention<bfloat16, 32>("shifted7_bias", "swin7", "Swin, shifted windows of 7x7, bias and regions", shifted<7>,
                                     maps(64, 3, 56));
  add_device_attention<bfloat16, 32>("shifted8_bias", "swin8", "Swin, shifted windows of 8x8, bias and regions", shifted<8>,
                                     maps(64, 3, 56));
  const auto swin_v2 = [] {
    float* const scales = const_cast<float*>(policy_table(3, 4, 0.0));
    for (std::size_t h = 0; h < 3; ++h) scales[h] = 2.3025851F;  // ln 10: a factor of 10
    return attention{window<16>{8, 8}, same_region{}, cosine{scales, 3},
                     relative_position_bias<16>{policy_table(31 * 31 * 3, 3, 0.5), 3}};
  };
  // 56 is no multiple of 16: the stage of Swin V2 that has windows of 16 has a map of 64.
  add_device_attention<bfloat16, 32>("shifted16_cosine_bias", "swinv2-16",
                                     "Swin V2, shifted windows of 16x16, bias and regions", swin_v2, maps(64, 3, 64));
  add_super_resolution<bfloat16, 12>("d12");
  add_super_resolution<bfloat16, 32>("d32");
  return true;
}();

}  // namespace
