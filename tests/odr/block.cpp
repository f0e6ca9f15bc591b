// Compiled several times, with different instruction sets and HEDDLE_TEST_FUNCTION, and linked into one program.
#include "block.hpp"

#include <heddle/backend/simd.hpp>
#include <heddle/layer/encoder_block.hpp>
#include <heddle/layer/norm.hpp>

#include <string_view>
#include <type_traits>

namespace heddle::test {
namespace {

constexpr std::size_t channels = 32;
using attention_layer = self_attention<channels, 4, block<4>, learned_position_bias<4>>;
using block_type = encoder_block<layer_norm<channels>, attention_layer, mlp<channels, 4 * channels, gelu>>;

// Numbers that look random. In this unnamed namespace and without containers of the standard library, whose functions are
// shared by all units of a program: which unit's is kept is not the library's to decide.
float noise(std::size_t i, std::size_t seed) {
  const std::size_t mixed = (i + 1) * 2654435761U + seed * 40503U;
  return static_cast<float>(mixed % 10007U) / 5003.0f - 1.0f;
}

template <class T>
void add_layout(std::vector<std::size_t>& layout) {
  layout.push_back(sizeof(T));
  layout.push_back(alignof(T));
}

}  // namespace

block_report HEDDLE_TEST_FUNCTION() {
  block_report report;
  using native = simd::isa_type;
  report.isa = isa::includes<native, isa::avx512> ? "avx512" : isa::includes<native, isa::avx2> ? "avx2" : "baseline";
  add_layout<block_type>(report.layout);
  add_layout<dense_weight>(report.layout);
  add_layout<map_view<float>>(report.layout);
  add_layout<workspace>(report.layout);
  add_layout<context<reference>>(report.layout);

  block_type block_instance;
  static float weights[parameters<block_type>];
  std::size_t used = 0;
  for_each_parameter(block_instance, [&](std::string_view, auto& tensor) {
    const std::size_t start = used;
    while (used < start + tensor.size()) {
      weights[used] = 0.3f * noise(used, 1);
      ++used;
    }
    tensor.bind(weights + start);
  });
  prepare<simd>(block_instance);

  const map_extents extents(1, 8, 12, channels);
  static float x[8 * 12 * channels];
  for (std::size_t i = 0; i < extents.size(); ++i) x[i] = noise(i, 2);
  report.output.resize(extents.size());
  const workspace scratch(workspace_bytes<block_type>(extents, simd{}));
  run<simd>(block_instance, map_view<const float>(x, extents), map_view<float>(report.output.data(), extents), scratch);
  return report;
}

}  // namespace heddle::test
