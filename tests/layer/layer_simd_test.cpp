// Layers on the vector backend: as the reference backend, and the same bits for every number of threads.
#include <cstring>
#include <vector>

#include "heddle/backend/reference.hpp"
#include "heddle/backend/simd.hpp"
#include "heddle/layer/encoder_block.hpp"
#include "heddle/layer/mbconv.hpp"
#include "heddle/layer/sequential.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_weights.hpp"

namespace {

using namespace heddle;

template <class Backend, class M>
std::vector<float> run_on(M m, const map_extents& shape, const std::vector<float>& input, const Backend& backend) {
  prepare<Backend>(m, backend);
  std::vector<float> output(output_extents<M>(shape).size());
  const workspace scratch(workspace_bytes<M>(shape, backend));
  run(m, map_view<const float>(input.data(), shape), map_view<float>(output.data(), output_extents<M>(shape)), scratch,
      backend);
  return output;
}

template <class M>
void check_module(const map_extents& shape) {
  M m;
  test::bind_random_weights(m, 21);
  const std::vector<float> x = test::normal_vector(shape.size(), 22);
  const std::vector<float> expected = run_on(m, shape, x, reference{});
  const std::vector<float> actual = run_on(m, shape, x, simd{});
  const auto worst = test::worst(expected, actual);
  INFO(worst.text());
  CHECK(worst.relative() < 1e-5);
#if defined(_OPENMP)
  for (const std::size_t threads : {std::size_t{2}, std::size_t{3}}) {
    const std::vector<float> parallel = run_on(m, shape, x, simd_on<openmp>{openmp(threads)});
    CHECK(std::memcmp(parallel.data(), actual.data(), actual.size() * sizeof(float)) == 0);
  }
#endif
}

template <std::size_t C, class... Policies>
using square_block = encoder_block<layer_norm<C>, self_attention<C, 4, Policies...>, mlp<C, 4 * C>>;

}  // namespace

TEST_CASE("linear layers and MLPs on vectors", "[simd]") {
  check_module<linear<48, 144>>(map_extents(1, 3, 67, 48));
  check_module<linear<5, 3>>(map_extents(1, 1, 1, 5));
  check_module<mlp<48, 192>>(map_extents(1, 10, 31, 48));
  check_module<pre_norm<layer_norm<20>, mlp<20, 50, silu>>>(map_extents(2, 7, 29, 20));
  check_module<pre_norm<rms_norm<20>, mlp<20, 50, gelu_tanh>>>(map_extents(1, 1, 97, 20));
}

TEST_CASE("convolutions on vectors", "[simd]") {
  check_module<convolution<3, 48>>(map_extents(2, 9, 11, 3));
  check_module<convolution<48, 3>>(map_extents(1, 8, 13, 48));
  check_module<
      convolution<12, 20, convolution_options{.size = 3, .stride = 2, .padding = padding_rule::same}, batch_norm<20>, gelu>>(
      map_extents(1, 13, 8, 12));
  check_module<convolution<24, 24, convolution_options{.stride = 2, .depthwise = true}, batch_norm<24>, silu>>(
      map_extents(1, 12, 9, 24));
}

TEST_CASE("MBConv on vectors", "[simd]") {
  check_module<mbconv<16, 16, mbconv_options{.expanded = 64, .reduced = 16}>>(map_extents(2, 35, 9, 16));
  check_module<mbconv<16, 32,
                      mbconv_options{.expanded = 64,
                                     .reduced = 4,
                                     .stride = 2,
                                     .inner_bias = false,
                                     .padding = padding_rule::same,
                                     .gate = squeeze_excite_options{.bias = true, .as_convolution = true}},
                      gelu_tanh, norm_before<ratio{1, 1000}>, pooled_shortcut<16, 32, true>>>(map_extents(1, 18, 12, 16));
}

// Blocks of grids and of whole maps are those of the goldens.
TEST_CASE("encoder blocks on vectors", "[simd]") {
  check_module<square_block<48, adaptive_block, learned_resized_bias<8>>>(map_extents(1, 36, 25, 48));
  check_module<square_block<32, window<7>>>(map_extents(1, 20, 23, 32));
}
