#include <heddle/backend/reference.hpp>
#include <heddle/backend/simd.hpp>
#include <heddle/layer/transposed_convolution.hpp>

#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/random.hpp"
#include "support/random_weights.hpp"

using namespace heddle;

namespace {

/// The definition: every input pixel adds its window to the output.
template <class Layer>
std::vector<float> scattered(const Layer& layer, const std::vector<float>& x, const map_extents& e) {
  const map_extents f = Layer::output_extents(e);
  const std::size_t padding = (Layer::size - Layer::stride) / 2;
  std::vector<double> sum(f.size());
  for (std::size_t b = 0; b < e.extent(0); ++b)
    for (std::size_t i = 0; i < e.extent(1); ++i)
      for (std::size_t j = 0; j < e.extent(2); ++j)
        for (std::size_t k = 0; k < Layer::size; ++k)
          for (std::size_t l = 0; l < Layer::size; ++l) {
            const std::size_t row = i * Layer::stride + k - padding;  // wraps around where it is outside
            const std::size_t column = j * Layer::stride + l - padding;
            if (row >= f.extent(1) || column >= f.extent(2)) continue;
            for (std::size_t o = 0; o < f.extent(3); ++o)
              for (std::size_t c = 0; c < e.extent(3); ++c)
                sum[((b * f.extent(1) + row) * f.extent(2) + column) * f.extent(3) + o] +=
                    static_cast<double>(x[((b * e.extent(1) + i) * e.extent(2) + j) * e.extent(3) + c]) *
                    static_cast<double>(layer.weight.view()(c, o, k, l));
          }
  std::vector<float> y(f.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t o = i % f.extent(3);
    const double bias = layer.bias.span().empty() ? 0.0 : static_cast<double>(layer.bias.span()[o]);
    const double v = (sum[i] + bias) * layer.norm.scale(o) + layer.norm.shift(o);
    y[i] = static_cast<float>(v > 0.0 ? v : 0.0);
  }
  return y;
}

template <class Backend, class Layer>
void check(const map_extents& e) {
  Layer layer;
  test::bind_random_weights(layer, 3);
  prepare<Backend>(layer);
  const std::vector<float> x = test::normal_vector(e.size(), 4);
  const map_extents f = output_extents<Layer>(e);
  std::vector<float> y(f.size());
  const workspace memory(workspace_bytes<Layer, Backend>(e));
  run<Backend>(layer, map_view<const float>(x.data(), e), map_view<float>(y.data(), f), memory);
  CHECK(test::worst(scattered(layer, x, e), y).relative() < 1e-5);
}

using fourfold = transposed_convolution<5, 7, transposed_convolution_options{}, batch_norm<7>, relu>;
using threefold =
    transposed_convolution<3, 4, transposed_convolution_options{.size = 3, .stride = 3, .padding = 0, .bias = false}, no_norm,
                           relu>;
using wide = transposed_convolution<2, 3, transposed_convolution_options{.size = 6, .stride = 2, .padding = 2}, no_norm, relu>;

static_assert(parameters<fourfold> == 5 * 7 * 16 + 7 + 2 * 7);
static_assert(multiply_adds<fourfold>(map_extents(1, 3, 5, 5)) == 3 * 5 * 4 * 4 * 5 * 7);

}  // namespace

TEST_CASE("a transposed convolution adds the window of every pixel") {
  check<reference, fourfold>(map_extents(2, 3, 5, 5));
  check<simd, fourfold>(map_extents(2, 3, 5, 5));
  check<simd, fourfold>(map_extents(1, 1, 1, 5));
  check<simd, threefold>(map_extents(1, 4, 2, 3));
  check<simd, wide>(map_extents(1, 4, 6, 2));
}
