/// @file
/// What a Swin V2 block is made of and its derivatives by the input, as pure functions of the input, the weights and the
/// derivative by the output. Plain loops in double precision: the definition that a faster backward pass is held to.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "heddle/layer/convolution.hpp"
#include "heddle/layer/mlp.hpp"
#include "heddle/layer/norm.hpp"
#include "heddle/layer/patch_merging.hpp"
#include "heddle/layer/self_attention.hpp"

namespace heddle::examples::vjp {

/// Rows that own their memory.
struct rows {
  std::vector<double> values;
  std::size_t count = 0;
  std::size_t channels = 0;

  rows(std::size_t n, std::size_t c) : values(n * c), count(n), channels(c) {}
  double* row(std::size_t r) noexcept { return values.data() + r * channels; }
  const double* row(std::size_t r) const noexcept { return values.data() + r * channels; }
};

inline rows copy_of(matrix_view<const float> x) {
  rows y(x.extent(0), x.extent(1));
  for (std::size_t r = 0; r < y.count; ++r)
    for (std::size_t c = 0; c < y.channels; ++c) y.row(r)[c] = static_cast<double>(x(r, c));
  return y;
}

/// `a += b`
inline void add(rows& a, const rows& b) {
  for (std::size_t i = 0; i < a.values.size(); ++i) a.values[i] += b.values[i];
}

/// `y = x W^T + b`, `W` `[outputs, inputs]`; an empty bias is none.
inline rows linear(const rows& x, matrix_view<const float> weight, std::span<const float> bias) {
  rows y(x.count, weight.extent(0));
  for (std::size_t r = 0; r < x.count; ++r)
    for (std::size_t o = 0; o < y.channels; ++o) {
      double sum = bias.empty() ? 0.0 : static_cast<double>(bias[o]);
      for (std::size_t i = 0; i < x.channels; ++i) sum += x.row(r)[i] * static_cast<double>(weight(o, i));
      y.row(r)[o] = sum;
    }
  return y;
}
/// `dx = dy W`.
inline rows linear_vjp(const rows& dy, matrix_view<const float> weight) {
  rows dx(dy.count, weight.extent(1));
  for (std::size_t r = 0; r < dy.count; ++r)
    for (std::size_t o = 0; o < dy.channels; ++o)
      for (std::size_t i = 0; i < dx.channels; ++i) dx.row(r)[i] += dy.row(r)[o] * static_cast<double>(weight(o, i));
  return dx;
}

/// Patches of `Options.size` pixels a side, without overlap, of the pictures `x`: `weight` `[Out, In, size, size]`.
template <std::size_t In, std::size_t Out, convolution_options Options>
rows patches(const convolution<In, Out, Options>& m, map_view<const float> x) {
  static_assert(Options.stride == Options.size && Options.padding == padding_rule::none && !Options.depthwise);
  constexpr std::size_t size = Options.size;
  const std::size_t height = x.extent(1) / size;
  const std::size_t width = x.extent(2) / size;
  rows y(x.extent(0) * height * width, Out);
  for (std::size_t r = 0; r < y.count; ++r)
    for (std::size_t o = 0; o < Out; ++o) {
      double sum = m.bias.span().empty() ? 0.0 : static_cast<double>(m.bias.span()[o]);
      for (std::size_t i = 0; i < In * size * size; ++i) {
        const std::size_t row = r / width % height * size + i / size % size;
        const std::size_t column = r % width * size + i % size;
        sum += static_cast<double>(x(r / width / height, row, column, i / size / size)) *
               static_cast<double>(m.weight.data()[o * In * size * size + i]);
      }
      y.row(r)[o] = sum;
    }
  return y;
}

/// The mean of a row and one over its deviation.
struct moments {
  double mean = 0.0;
  double inverse = 0.0;

  moments(const double* x, std::size_t n, double epsilon) {
    double variance = 0.0;
    for (std::size_t c = 0; c < n; ++c) mean += x[c] / static_cast<double>(n);
    for (std::size_t c = 0; c < n; ++c) variance += (x[c] - mean) * (x[c] - mean) / static_cast<double>(n);
    inverse = 1.0 / std::sqrt(variance + epsilon);
  }
};

template <std::size_t C, ratio Epsilon>
rows norm(const layer_norm<C, Epsilon>& m, const rows& x) {
  rows y(x.count, C);
  for (std::size_t r = 0; r < x.count; ++r) {
    const moments of(x.row(r), C, Epsilon.value());
    for (std::size_t c = 0; c < C; ++c)
      y.row(r)[c] = (x.row(r)[c] - of.mean) * of.inverse * static_cast<double>(m.weight.data()[c]) +
                    static_cast<double>(m.bias.data()[c]);
  }
  return y;
}
template <std::size_t C, ratio Epsilon>
rows norm_vjp(const layer_norm<C, Epsilon>& m, const rows& x, const rows& dy) {
  rows dx(x.count, C);
  for (std::size_t r = 0; r < x.count; ++r) {
    const moments of(x.row(r), C, Epsilon.value());
    const auto direction = [&](std::size_t c) { return (x.row(r)[c] - of.mean) * of.inverse; };
    const auto weighted = [&](std::size_t c) { return dy.row(r)[c] * static_cast<double>(m.weight.data()[c]); };
    double along_mean = 0.0;
    double along_direction = 0.0;
    for (std::size_t c = 0; c < C; ++c) {
      along_mean += weighted(c) / C;
      along_direction += weighted(c) * direction(c) / C;
    }
    for (std::size_t c = 0; c < C; ++c) dx.row(r)[c] = of.inverse * (weighted(c) - along_mean - direction(c) * along_direction);
  }
  return dx;
}

/// `fc2(gelu(fc1(x)))`
template <std::size_t C, std::size_t Hidden, linear_options Options>
rows mlp(const heddle::mlp<C, Hidden, gelu, Options>& m, const rows& x) {
  rows h = linear(x, as_rows(m.fc1.weight.view()), m.fc1.bias.span());
  for (double& v : h.values) v *= 0.5 * (1.0 + std::erf(v * 0.70710678118654752));
  return linear(h, as_rows(m.fc2.weight.view()), m.fc2.bias.span());
}
template <std::size_t C, std::size_t Hidden, linear_options Options>
rows mlp_vjp(const heddle::mlp<C, Hidden, gelu, Options>& m, const rows& x, const rows& dy) {
  const rows before = linear(x, as_rows(m.fc1.weight.view()), m.fc1.bias.span());
  rows dh = linear_vjp(dy, as_rows(m.fc2.weight.view()));
  for (std::size_t i = 0; i < before.values.size(); ++i) {
    const double h = before.values[i];
    dh.values[i] *= 0.5 * (1.0 + std::erf(h * 0.70710678118654752)) + h * 0.39894228040143268 * std::exp(-0.5 * h * h);
  }
  return linear_vjp(dh, as_rows(m.fc1.weight.view()));
}

/// Row of the token at place `place` of cell `r`, on maps of `columns` columns.
inline std::size_t cell_token(std::size_t r, std::size_t place, std::size_t columns) {
  return (r / (columns / 2) * 2 + place % 2) * columns + r % (columns / 2) * 2 + place / 2;
}

/// The four tokens of every cell of a map of shape `e`, after `patch_merging`'s linear layer.
template <std::size_t C, std::size_t Out, patch_merging_options Options>
rows merged_cells(const patch_merging<C, Out, Options>& m, const rows& x, const map_extents& e) {
  static_assert(Options.norm == merging_norm::after && Options.order == cell_order::column_major);
  rows cells(x.count / 4, 4 * C);
  for (std::size_t r = 0; r < cells.count; ++r)
    for (std::size_t place = 0; place < 4; ++place)
      std::copy_n(x.row(cell_token(r, place, e.extent(2))), C, cells.row(r) + place * C);
  return linear(cells, as_rows(m.reduction.weight.view()), {});
}
template <class Merging>
rows merging(const Merging& m, const rows& x, const map_extents& e) {
  return norm(m.norm, merged_cells(m, x, e));
}
template <std::size_t C, std::size_t Out, patch_merging_options Options>
rows merging_vjp(const patch_merging<C, Out, Options>& m, const rows& x, const map_extents& e, const rows& dy) {
  const rows dcells = linear_vjp(norm_vjp(m.norm, merged_cells(m, x, e), dy), as_rows(m.reduction.weight.view()));
  rows dx(x.count, C);
  for (std::size_t r = 0; r < dcells.count; ++r)
    for (std::size_t place = 0; place < 4; ++place)
      std::copy_n(dcells.row(r) + place * C, C, dx.row(cell_token(r, place, e.extent(2))));
  return dx;
}

}  // namespace heddle::examples::vjp
