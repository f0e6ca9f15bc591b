// Lesson 2: a transformer block as one type, its counts as constants, and a run that allocates nothing.
//
// A model is a flat struct (or a composition of the library's) with named children. The names are those of the weight file. This
// program composes two blocks of window and grid attention, gives them made-up weights and runs them on a map.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include <heddle/backend/reference.hpp>
#include <heddle/heddle.hpp>

#if __has_include(<xsimd/xsimd.hpp>)
#include <heddle/backend/simd.hpp>
using fast = heddle::simd;
#else
using fast = heddle::reference;
#endif

namespace lesson {

constexpr std::size_t channels = 32;
constexpr std::size_t heads = 2;

// One pre-norm block: x += Attention(Norm(x)), x += Mlp(Norm(x)). What attention it is, is a list of policies.
template <class... Policies>
using block = heddle::encoder_block<heddle::layer_norm<channels>, heddle::self_attention<channels, heads, Policies...>,
                                    heddle::mlp<channels, 4 * channels, heddle::gelu>>;

// First inside 4x4 blocks, with a trained table of relative positions; then across a grid of 4x4 far-apart tokens.
struct two_axes : heddle::sequential<heddle::named<"block", block<heddle::block<4>, heddle::learned_position_bias<4>>>,
                                     heddle::named<"grid", block<heddle::grid<4>>>> {};

// The paper's table as static assertions: parameters, and multiply-adds for one 16 x 16 map.
static_assert(heddle::parameters<two_axes> == 2 * (12 * channels * channels + 13 * channels) + 49 * heads);
constexpr heddle::map_extents one_image(1, 16, 16, channels);
static_assert(heddle::multiply_adds<two_axes>(one_image) == 2 * (256 * 12 * channels * channels + 2 * 256 * 16 * channels));

// So is the scratch memory that it needs.
constexpr std::size_t needed = heddle::workspace_bytes<two_axes, fast>(one_image);

/// Weights would come from a file (docs/weights.md). Any memory can be bound; here a wave of small numbers.
std::size_t bind_made_up_weights(two_axes& net) {
  std::size_t count = 0;
  heddle::for_each_parameter(net, [&](std::string_view name, auto& tensor) {
    auto values = std::make_shared<std::vector<float>>(tensor.size());
    for (std::size_t i = 0; i < values->size(); ++i) (*values)[i] = 0.1f * std::cos(1.7f * static_cast<float>(i + count));
    tensor.bind(values->data(), values);
    std::printf("%-24.*s %6zu\n", static_cast<int>(name.size()), name.data(), tensor.size());
    count += tensor.size();
  });
  heddle::prepare<fast>(net);  // packs the matrices for the kernels that will read them
  return count;
}

}  // namespace lesson

int main() {
  using namespace lesson;
  two_axes net;
  const std::size_t count = bind_made_up_weights(net);

  heddle::tensor<float, heddle::map_extents> image(one_image);
  for (std::size_t i = 0; i < image.size(); ++i) image.data()[i] = std::sin(0.11f * static_cast<float>(i));
  heddle::tensor<float, heddle::map_extents> result(one_image);
  const heddle::workspace scratch{needed};
  heddle::run<fast>(net, image.view(), result.view(), scratch);

  // A wrong shape is refused before any work, in a sentence that says what was expected.
  bool refused = !HEDDLE_HAS_EXCEPTIONS;
#if HEDDLE_HAS_EXCEPTIONS
  try {
    heddle::tensor<float, heddle::map_extents> odd(heddle::map_extents(1, 15, 16, channels));
    heddle::run<fast>(net, odd.view(), odd.view(), scratch);
  } catch (const heddle::shape_error& e) {
    std::printf("%s\n", e.what());
    refused = true;
  }
#endif

  float largest = 0;
  for (std::size_t i = 0; i < result.size(); ++i) largest = std::fmax(largest, std::abs(result.data()[i] - image.data()[i]));
  std::printf("%zu parameters, %zu bytes of scratch; the blocks changed the map by up to %.2f\n", count, needed,
              static_cast<double>(largest));
  return refused && count == heddle::parameters<two_axes> && largest > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
