// The parts of a transformer block, written out in double precision: what the examples' blocks are held to where there is no
// recording of the official network.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace heddle::test::naive {

using row = std::vector<double>;
using matrix = std::vector<row>;

inline matrix from_floats(std::span<const float> values, std::size_t columns) {
  matrix x(values.size() / columns, row(columns));
  for (std::size_t i = 0; i < values.size(); ++i) x[i / columns][i % columns] = static_cast<double>(values[i]);
  return x;
}

inline std::vector<float> to_floats(const matrix& x) {
  std::vector<float> values;
  for (const row& r : x)
    for (const double v : r) values.push_back(static_cast<float>(v));
  return values;
}

/// `x W^T + bias`; `weight` is `[outputs, inputs]`, a bias may be missing.
inline matrix linear(const matrix& x, std::span<const float> weight, std::span<const float> bias) {
  matrix y;
  for (const row& in : x) {
    row out(weight.size() / in.size(), 0.0);
    for (std::size_t o = 0; o < out.size(); ++o) {
      for (std::size_t i = 0; i < in.size(); ++i) out[o] += in[i] * static_cast<double>(weight[o * in.size() + i]);
      if (!bias.empty()) out[o] += static_cast<double>(bias[o]);
    }
    y.push_back(out);
  }
  return y;
}

inline matrix layer_norm(const matrix& x, std::span<const float> weight, std::span<const float> bias, double epsilon) {
  matrix y = x;
  for (row& r : y) {
    double mean = 0.0;
    double variance = 0.0;
    for (const double v : r) mean += v / static_cast<double>(r.size());
    for (const double v : r) variance += (v - mean) * (v - mean) / static_cast<double>(r.size());
    for (std::size_t c = 0; c < r.size(); ++c)
      r[c] = (r[c] - mean) / std::sqrt(variance + epsilon) * static_cast<double>(weight[c]) + static_cast<double>(bias[c]);
  }
  return y;
}

inline matrix gelu(matrix x) {
  for (row& r : x)
    for (double& v : r) v *= 0.5 * (1.0 + std::erf(v / std::sqrt(2.0)));
  return x;
}

/// `x += scale * y` by channels; without a scale by one.
inline void add(matrix& x, const matrix& y, std::span<const float> scale = {}) {
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t c = 0; c < x[i].size(); ++c) x[i][c] += y[i][c] * (scale.empty() ? 1.0 : static_cast<double>(scale[c]));
}

/// Elements `[first, first + count)` of every row.
inline matrix columns(const matrix& x, std::size_t first, std::size_t count) {
  matrix y;
  for (const row& r : x)
    y.emplace_back(r.begin() + static_cast<std::ptrdiff_t>(first), r.begin() + static_cast<std::ptrdiff_t>(first + count));
  return y;
}

/// Scores `[queries, keys]` of one head.
inline matrix scores(const matrix& q, const matrix& k) {
  matrix s(q.size(), row(k.size(), 0.0));
  for (std::size_t i = 0; i < q.size(); ++i)
    for (std::size_t j = 0; j < k.size(); ++j)
      for (std::size_t c = 0; c < q[i].size(); ++c) s[i][j] += q[i][c] * k[j][c] / std::sqrt(static_cast<double>(q[i].size()));
  return s;
}

/// Adds `weights v` to the columns of `out` that begin at `first`.
inline void weigh(const matrix& weights, const matrix& v, matrix& out, std::size_t first) {
  for (std::size_t i = 0; i < weights.size(); ++i)
    for (std::size_t j = 0; j < v.size(); ++j)
      for (std::size_t c = 0; c < v[j].size(); ++c) out[i][first + c] += weights[i][j] * v[j][c];
}

}  // namespace heddle::test::naive
