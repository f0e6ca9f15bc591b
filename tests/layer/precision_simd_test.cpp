// Layers whose products are of bfloat16: near those of float, near the reference backend's, same bits for every number of
// threads.
#include <cstring>
#include <vector>

#include "heddle/backend/reference.hpp"
#include "heddle/backend/simd.hpp"
#include "heddle/layer/encoder_block.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_weights.hpp"

namespace {

using namespace heddle;

// A row of 64 factors rounded to 8 bits differs by about 2^-9 of its length; the bound is for the largest of all outputs.
constexpr double rounding = 1.0 / 128;

template <std::size_t C, precision Products, class... Policies>
using transformer =
    encoder_block<layer_norm<C>,
                  self_attention<C, 4, attention_options<self_attention_options{.products = Products}>, Policies...>,
                  mlp<C, 4 * C, gelu, linear_options{.products = Products}>>;

template <class M, class Backend>
std::vector<float> run_on(const map_extents& shape, const std::vector<float>& input, const Backend& backend) {
  M m;
  test::bind_random_weights(m, 21);
  prepare<Backend>(m, backend);
  std::vector<float> output(output_extents<M>(shape).size());
  const workspace scratch(workspace_bytes<M>(shape, backend));
  run(m, map_view<const float>(input.data(), shape), map_view<float>(output.data(), output_extents<M>(shape)), scratch,
      backend);
  return output;
}

template <class Exact, class Rounded>
void check(const map_extents& shape) {
  const std::vector<float> x = test::normal_vector(shape.size(), 22);
  const std::vector<float> exact = run_on<Exact>(shape, x, reference{});
  const std::vector<float> expected = run_on<Rounded>(shape, x, reference{});
  const std::vector<float> actual = run_on<Rounded>(shape, x, simd{});
  const auto from_float = test::worst(exact, actual);
  const auto from_reference = test::worst(expected, actual);
  INFO(from_float.text() << "\n" << from_reference.text());
  CHECK(from_float.relative() < rounding);
  CHECK(from_float.relative() > 0.0);  // it is not the float product
  CHECK(from_reference.relative() < rounding);
#if defined(_OPENMP)
  const std::vector<float> parallel = run_on<Rounded>(shape, x, simd_on<openmp>{openmp(2)});
  CHECK(std::memcmp(parallel.data(), actual.data(), actual.size() * sizeof(float)) == 0);
#endif
}

}  // namespace

TEST_CASE("a linear layer of bfloat16", "[simd]") {
  check<linear<70, 33>, linear<70, 33, linear_options{.products = precision::bf16}>>(map_extents(1, 3, 37, 70));
}

TEST_CASE("a perceptron of bfloat16", "[simd]") {
  check<mlp<48, 192>, mlp<48, 192, gelu, linear_options{.products = precision::bf16}>>(map_extents(1, 10, 21, 48));
}

TEST_CASE("encoder blocks of bfloat16, all tokens and by windows", "[simd]") {
  check<transformer<64, precision::f32>, transformer<64, precision::bf16>>(map_extents(1, 1, 131, 64));
  check<transformer<32, precision::f32, window<7>>, transformer<32, precision::bf16, window<7>>>(map_extents(1, 20, 23, 32));
}
