// Score modifiers of every form in one composition, in the order given, against loops in double.
#include <heddle/attention/attention.hpp>
#include <heddle/reference/attend.hpp>

#include <cmath>

#include "attention/attend_case.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

using namespace heddle;

namespace {

/// `softmax(score(q, k, q . k)) v` of head `h`, item `b`.
template <class Score>
std::vector<float> by_loops(const test::attend_case& x, Score&& score) {
  std::vector<float> out(x.out.size());
  const std::size_t n = x.tokens();
  const auto at = [&](std::size_t part, std::size_t b, std::size_t t, std::size_t h, std::size_t d) {
    return static_cast<double>(x.projection[(((b * n + t) * 3 + part) * x.heads + h) * x.dim + d]);
  };
  for (std::size_t b = 0; b < x.batch; ++b)
    for (std::size_t h = 0; h < x.heads; ++h)
      for (std::size_t q = 0; q < n; ++q) {
        std::vector<double> weight(n);
        double sum = 0.0;
        for (std::size_t k = 0; k < n; ++k) {
          double dot = 0.0, qq = 0.0, kk = 0.0;
          for (std::size_t d = 0; d < x.dim; ++d) {
            dot += at(0, b, q, h, d) * at(1, b, k, h, d);
            qq += at(0, b, q, h, d) * at(0, b, q, h, d);
            kk += at(1, b, k, h, d) * at(1, b, k, h, d);
          }
          weight[k] = std::exp(score(b, h, q, k, dot, std::sqrt(qq * kk)));
          sum += weight[k];
        }
        for (std::size_t d = 0; d < x.dim; ++d) {
          double value = 0.0;
          for (std::size_t k = 0; k < n; ++k) value += weight[k] * at(2, b, k, h, d);
          out[((b * n + q) * x.heads + h) * x.dim + d] = static_cast<float>(value / sum);
        }
      }
  return out;
}

}  // namespace

TEST_CASE("modifiers are applied in the order given") {
  test::attend_case x(2, 2, 5, {1, 3, 4}, 21);
  const auto sizes = test::normal_vector(2 * 12, 1);
  const auto pairs = test::normal_vector(2 * 12 * 12, 2);
  const auto table = test::normal_vector(5 * 7 * 2, 3);
  const auto expected = by_loops(x, [&](std::size_t b, std::size_t h, std::size_t q, std::size_t k, double dot, double) {
    double s = dot / std::sqrt(5.0);
    s += static_cast<double>(table[((q / 4 + 2 - k / 4) * 7 + q % 4 + 3 - k % 4) * 2 + h]);
    s = 2.0 * std::tanh(s / 2.0);
    s -= (h == 0 ? 1.0 / 16.0 : 1.0 / 256.0) * std::abs(static_cast<double>(q) - static_cast<double>(k));
    s += static_cast<double>(sizes[b * 12 + k]);
    return s + static_cast<double>(pairs[(h * 12 + q) * 12 + k]);
  });
  x.run<reference>(attention{relative_position_bias<3, 4>{table.data(), 2}, soft_cap{2.0F}, alibi<2>{},
                             key_bias{sizes.data(), 12, 2}, dense_bias(pairs.data(), 12, 12, 2)});
  CHECK(test::worst(expected, x.out).relative() < 2e-6);
  // Another order is another result: the cap comes last.
  const auto capped = by_loops(x, [&](std::size_t b, std::size_t, std::size_t, std::size_t k, double dot, double) {
    return 2.0 * std::tanh((dot / std::sqrt(5.0) + static_cast<double>(sizes[b * 12 + k])) / 2.0);
  });
  x.run<reference>(attention{key_bias{sizes.data(), 12, 2}, soft_cap{2.0F}});
  CHECK(test::worst(capped, x.out).relative() < 2e-6);
}

TEST_CASE("cosine attention with the bias of Swin V2") {
  test::attend_case x(2, 2, 6, {1, 4, 4}, 22);
  const std::vector<float> logits{1.5F, 6.0F};
  const auto w1 = test::normal_vector(7 * 2, 4);
  const auto b1 = test::normal_vector(7, 5);
  const auto w2 = test::normal_vector(2 * 7, 6);
  const continuous_position_bias bias{7, 2, w1.data(), b1.data(), w2.data()};
  const auto expected = by_loops(x, [&](std::size_t, std::size_t h, std::size_t q, std::size_t k, double dot, double norms) {
    const double factor = h == 0 ? std::exp(1.5) : 100.0;
    return dot / norms * factor + static_cast<double>(bias.offset_bias({4, 4}, h, q / 4 + 3 - k / 4, q % 4 + 3 - k % 4));
  });
  x.run<reference>(attention{cosine{logits.data(), 2}, window<4>{}, bias});
  CHECK(test::worst(expected, x.out).relative() < 2e-5);
}
