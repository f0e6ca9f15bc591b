// Tubelets against the convolution that they are.
#include <heddle/layer/tubelet_embedding.hpp>
#include <heddle/reference/gemm.hpp>
#include <heddle/simd/gemm.hpp>

#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/random_weights.hpp"

using namespace heddle;

namespace {

using layer = tubelet_embedding<3, 5, 2, 4>;
constexpr dynamic_extents<5> clip(2, 4, 8, 12, 3);
static_assert(layer::output_extents(clip) == dynamic_extents<5>(2, 2, 2, 3, 5));
static_assert(layer::multiply_adds(clip) == 2 * 2 * 2 * 3 * 5 * 96);
static_assert(parameters<layer> == 5 * 96 + 5);
static_assert(parameters<tubelet_embedding<3, 768, 2, 16>> == 1'180'416);

template <class Backend>
std::vector<float> run_layer(layer m, const std::vector<float>& x) {
  prepare<Backend>(m);
  const dynamic_extents<5> e = layer::output_extents(clip);
  std::vector<float> y(e.size());
  const workspace memory(layer::scratch_bytes(Backend{}, clip));
  m.forward(context<Backend>{{}, memory.scratch()}, volume_view<const float>(x.data(), clip), volume_view<float>(y.data(), e));
  return y;
}

}  // namespace

TEST_CASE("tubelet_embedding: a convolution whose stride is its window") {
  layer m;
  test::bind_random_weights(m, 5);
  const std::vector<float> x = test::normal_vector(clip.size(), 6);
  const volume_view<const float> v(x.data(), clip);
  std::vector<float> expected;
  for (std::size_t b = 0; b < 2; ++b)
    for (std::size_t t = 0; t < 2; ++t)
      for (std::size_t i = 0; i < 2; ++i)
        for (std::size_t j = 0; j < 3; ++j)
          for (std::size_t o = 0; o < 5; ++o) {
            double sum = static_cast<double>(m.bias.data()[o]);
            for (std::size_t c = 0; c < 3; ++c)
              for (std::size_t f = 0; f < 2; ++f)
                for (std::size_t y = 0; y < 4; ++y)
                  for (std::size_t z = 0; z < 4; ++z)
                    sum += static_cast<double>(m.weight.view()(o, c, f, y, z)) *
                           static_cast<double>(v(b, 2 * t + f, 4 * i + y, 4 * j + z, c));
            expected.push_back(static_cast<float>(sum));
          }
  CHECK(test::worst(expected, run_layer<reference>(m, x)).relative() < 1e-6);
  CHECK(test::worst(expected, run_layer<simd>(m, x)).relative() < 1e-5);
}

TEST_CASE("tubelet_embedding: clips that are no whole tubelets are refused") {
  REQUIRE_THROWS_AS(layer::output_extents(dynamic_extents<5>(1, 3, 8, 12, 3)), shape_error);
  REQUIRE_THROWS_AS(layer::output_extents(dynamic_extents<5>(1, 4, 9, 12, 3)), shape_error);
  REQUIRE_THROWS_AS(layer::output_extents(dynamic_extents<5>(1, 4, 8, 12, 4)), shape_error);
}
