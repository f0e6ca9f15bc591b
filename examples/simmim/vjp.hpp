/// @file
/// Derivatives by the input of what a Swin V2 block is made of: pure functions of the input, the weights and the derivative by
/// the output. Plain loops; sums are double.
#pragma once

#include <cmath>
#include <vector>

#include "heddle/layer/mlp.hpp"
#include "heddle/layer/norm.hpp"
#include "heddle/layer/patch_merging.hpp"
#include "heddle/layer/self_attention.hpp"

namespace heddle::examples::vjp {

/// Rows that own their memory.
struct rows {
  std::vector<float> values;
  std::size_t count = 0;
  std::size_t channels = 0;

  rows(std::size_t n, std::size_t c) : values(n * c), count(n), channels(c) {}
  float* row(std::size_t r) noexcept { return values.data() + r * channels; }
  const float* row(std::size_t r) const noexcept { return values.data() + r * channels; }
  matrix_view<float> view() noexcept { return make_matrix(values.data(), count, channels); }
  matrix_view<const float> view() const noexcept { return make_matrix(values.data(), count, channels); }
};

inline rows copy_of(matrix_view<const float> x) {
  rows y(x.extent(0), x.extent(1));
  for (std::size_t r = 0; r < y.count; ++r)
    for (std::size_t c = 0; c < y.channels; ++c) y.row(r)[c] = x(r, c);
  return y;
}

/// `dx = dy W` for `y = x W^T + b`, `W` `[outputs, inputs]`.
inline rows linear(const rows& dy, matrix_view<const float> weight) {
  rows dx(dy.count, weight.extent(1));
  std::vector<double> sum(weight.extent(1));
  for (std::size_t r = 0; r < dy.count; ++r) {
    std::fill(sum.begin(), sum.end(), 0.0);
    for (std::size_t o = 0; o < dy.channels; ++o)
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>(dy.row(r)[o]) * static_cast<double>(weight(o, i));
    for (std::size_t i = 0; i < sum.size(); ++i) dx.row(r)[i] = static_cast<float>(sum[i]);
  }
  return dx;
}

/// Of layer norm at `x`.
template <std::size_t C, ratio Epsilon>
rows norm(const layer_norm<C, Epsilon>& m, const rows& x, const rows& dy) {
  rows dx(x.count, C);
  for (std::size_t r = 0; r < x.count; ++r) {
    double mean = 0.0;
    double variance = 0.0;
    for (std::size_t c = 0; c < C; ++c) mean += static_cast<double>(x.row(r)[c]) / C;
    for (std::size_t c = 0; c < C; ++c) {
      const double d = static_cast<double>(x.row(r)[c]) - mean;
      variance += d * d / C;
    }
    const double inverse = 1.0 / std::sqrt(variance + Epsilon.value());
    const auto direction = [&](std::size_t c) { return (static_cast<double>(x.row(r)[c]) - mean) * inverse; };
    const auto weighted = [&](std::size_t c) { return static_cast<double>(dy.row(r)[c]) * static_cast<double>(m.weight.data()[c]); };
    double along_mean = 0.0;
    double along_direction = 0.0;
    for (std::size_t c = 0; c < C; ++c) {
      along_mean += weighted(c) / C;
      along_direction += weighted(c) * direction(c) / C;
    }
    for (std::size_t c = 0; c < C; ++c)
      dx.row(r)[c] = static_cast<float>(inverse * (weighted(c) - along_mean - direction(c) * along_direction));
  }
  return dx;
}

/// Of `fc2(gelu(fc1(x)))`.
template <class Backend, std::size_t C, std::size_t Hidden, linear_options Options>
rows mlp(context<Backend> ctx, const heddle::mlp<C, Hidden, gelu, Options>& m, const rows& x, const rows& dy) {
  rows before(x.count, Hidden);
  m.fc1.forward_rows(ctx, x.view(), before.view());
  rows dh = linear(dy, as_rows(m.fc2.weight.view()));
  for (std::size_t i = 0; i < before.values.size(); ++i) {
    const auto h = static_cast<double>(before.values[i]);
    const double slope = 0.5 * (1.0 + std::erf(h * 0.70710678118654752)) + h * 0.39894228040143268 * std::exp(-0.5 * h * h);
    dh.values[i] = static_cast<float>(static_cast<double>(dh.values[i]) * slope);
  }
  return linear(dh, as_rows(m.fc1.weight.view()));
}

/// Of `patch_merging` with the norm behind it, at the map `x` of shape `e`.
template <class Backend, std::size_t C, std::size_t Out, patch_merging_options Options>
rows merging(context<Backend> ctx, const patch_merging<C, Out, Options>& m, const rows& x, const map_extents& e, const rows& dy) {
  static_assert(Options.norm == merging_norm::after && Options.order == cell_order::column_major);
  rows cells(dy.count, 4 * C);
  const auto source = [&](std::size_t r, std::size_t place) {   // the token at a place of a cell
    const std::size_t columns = e.extent(2) / 2;
    return (r / columns * 2 + place % 2) * e.extent(2) + r % columns * 2 + place / 2;
  };
  for (std::size_t r = 0; r < dy.count; ++r)
    for (std::size_t place = 0; place < 4; ++place) std::copy_n(x.row(source(r, place)), C, cells.row(r) + place * C);
  rows reduced(dy.count, Out);
  m.reduction.forward_rows(ctx, cells.view(), reduced.view());
  const rows dcells = linear(norm(m.norm, reduced, dy), as_rows(m.reduction.weight.view()));
  rows dx(x.count, C);
  for (std::size_t r = 0; r < dy.count; ++r)
    for (std::size_t place = 0; place < 4; ++place) std::copy_n(dcells.row(r) + place * C, C, dx.row(source(r, place)));
  return dx;
}

/// One head of one window: `q`, `k`, `v` and their derivatives, `[tokens, head_dim]`.
struct head_rows {
  std::size_t tokens;
  std::size_t dim;
  std::vector<double> q, k, v, dq, dk, dv;
  head_rows(std::size_t n, std::size_t d) : tokens(n), dim(d), q(n * d), k(n * d), v(n * d), dq(n * d), dk(n * d), dv(n * d) {}
};

/// Lengths of rows, at least 1e-12; the rows become directions.
inline std::vector<double> make_directions(std::vector<double>& x, std::size_t dim) {
  std::vector<double> lengths(x.size() / dim);
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    double sum = 0.0;
    for (std::size_t d = 0; d < dim; ++d) sum += x[i * dim + d] * x[i * dim + d];
    lengths[i] = std::sqrt(sum) > 1e-12 ? std::sqrt(sum) : 1e-12;
    for (std::size_t d = 0; d < dim; ++d) x[i * dim + d] /= lengths[i];
  }
  return lengths;
}

/// From derivatives by directions to derivatives by the rows.
inline void through_directions(const std::vector<double>& direction, const std::vector<double>& lengths, std::size_t dim, std::vector<double>& dx) {
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    double along = 0.0;
    for (std::size_t d = 0; d < dim; ++d) along += direction[i * dim + d] * dx[i * dim + d];
    for (std::size_t d = 0; d < dim; ++d) dx[i * dim + d] = (dx[i * dim + d] - direction[i * dim + d] * along) / lengths[i];
  }
}

/// `dq`, `dk`, `dv` from the derivative by the head's output. `added(i, j)` is what is added to `scale * cosine`.
template <class Added>
void cosine_head(head_rows& h, const std::vector<double>& dout, double scale, Added added) {
  const std::size_t n = h.tokens;
  const std::size_t dim = h.dim;
  const std::vector<double> q_lengths = make_directions(h.q, dim);
  const std::vector<double> k_lengths = make_directions(h.k, dim);
  std::vector<double> p(n), dp(n);
  for (std::size_t i = 0; i < n; ++i) {
    double largest = -1e300;
    double sum = 0.0;
    double mean = 0.0;
    for (std::size_t j = 0; j < n; ++j) {
      double dot = 0.0;
      for (std::size_t d = 0; d < dim; ++d) dot += h.q[i * dim + d] * h.k[j * dim + d];
      p[j] = scale * dot + added(i, j);
      largest = p[j] > largest ? p[j] : largest;
    }
    for (std::size_t j = 0; j < n; ++j) sum += p[j] = std::exp(p[j] - largest);
    for (std::size_t j = 0; j < n; ++j) {
      p[j] /= sum;
      dp[j] = 0.0;
      for (std::size_t d = 0; d < dim; ++d) {
        dp[j] += dout[i * dim + d] * h.v[j * dim + d];
        h.dv[j * dim + d] += p[j] * dout[i * dim + d];
      }
      mean += p[j] * dp[j];
    }
    for (std::size_t j = 0; j < n; ++j) {
      const double ds = scale * p[j] * (dp[j] - mean);
      for (std::size_t d = 0; d < dim; ++d) {
        h.dq[i * dim + d] += ds * h.k[j * dim + d];
        h.dk[j * dim + d] += ds * h.q[i * dim + d];
      }
    }
  }
  through_directions(h.q, q_lengths, dim, h.dq);
  through_directions(h.k, k_lengths, dim, h.dk);
}

/// Of cosine attention in windows with `relative_position_bias` and `region_penalty`, at the map `x` of shape `e`.
template <class Backend, class Attention>
rows attention(context<Backend> ctx, const Attention& m, const rows& x, const map_extents& e, const rows& dy) {
  constexpr std::size_t dim = Attention::head_dim;
  constexpr std::size_t inner = Attention::inner;
  const token_grid grid = Attention::grid_of(e);
  const auto map = m.composition.partition().map(grid);
  const std::size_t n = map.group_size();
  rows projected(x.count, 3 * inner);
  m.qkv.forward_rows(ctx, x.view(), projected.view());
  const rows dmerged = linear(dy, as_rows(m.proj.weight.view()));
  rows dprojected(x.count, 3 * inner);
  std::vector<double> dout(n * dim);
  const auto& bias = m.composition.template modifier<0>();
  const auto& penalty = m.composition.template modifier<1>();
  const window_extents sides = map.window();
  for (std::size_t i = 0; i < x.count / grid.size() * map.groups() * Attention::heads; ++i) {
    const std::size_t head = i % Attention::heads;
    const std::size_t group = i / Attention::heads % map.groups();
    const std::size_t first = i / Attention::heads / map.groups() * grid.size();
    const auto row = [&](std::size_t t) { return first + static_cast<std::size_t>(map.token(group, t)); };
    head_rows h(n, dim);
    for (std::size_t t = 0; t < n; ++t)
      for (std::size_t d = 0; d < dim; ++d) {
        const float* const at = projected.row(row(t)) + head * dim + d;
        h.q[t * dim + d] = static_cast<double>(at[0]);
        h.k[t * dim + d] = static_cast<double>(at[inner]);
        h.v[t * dim + d] = static_cast<double>(at[2 * inner]);
        dout[t * dim + d] = static_cast<double>(dmerged.row(row(t))[head * dim + d]);
      }
    const group_context<std::remove_const_t<decltype(map)>> c{0, group, head, n, n, &map};
    cosine_head(h, dout, static_cast<double>(m.composition.score().scale(head, dim)), [&](std::size_t q, std::size_t k) {
      const std::size_t dy_offset = q / sides.width + sides.height - 1 - k / sides.width;
      const std::size_t dx_offset = q % sides.width + sides.width - 1 - k % sides.width;
      const float b = bias.offset_bias(sides, head, dy_offset, dx_offset);
      return static_cast<double>(penalty(c, b, static_cast<float>(q), static_cast<float>(k)));
    });
    for (std::size_t t = 0; t < n; ++t)
      for (std::size_t d = 0; d < dim; ++d) {
        float* const at = dprojected.row(row(t)) + head * dim + d;
        at[0] = static_cast<float>(h.dq[t * dim + d]);
        at[inner] = static_cast<float>(h.dk[t * dim + d]);
        at[2 * inner] = static_cast<float>(h.dv[t * dim + d]);
      }
  }
  return linear(dprojected, as_rows(m.qkv.weight.view()));
}

/// `a += b`
inline void add(rows& a, const rows& b) {
  for (std::size_t i = 0; i < a.values.size(); ++i) a.values[i] += b.values[i];
}

/// Of `x1 = x + norm1(attn(x))`, `y = x1 + norm2(mlp(x1))`, at the map `x` of shape `e`.
template <class Backend, class Block>
rows block(context<Backend> ctx, const Block& m, const rows& x, const map_extents& e, const rows& dy) {
  rows branch(x.count, x.channels);
  m.attn.forward(ctx, map_view<const float>(x.values.data(), e), map_view<float>(branch.values.data(), e));
  rows middle(x.count, x.channels);
  m.norm1.forward_rows(ctx, as_const(branch.view()), middle.view());
  add(middle, x);
  rows hidden(x.count, x.channels);
  forward(ctx, m.mlp, map_view<const float>(middle.values.data(), e), map_view<float>(hidden.values.data(), e));

  rows dmiddle = mlp(ctx, m.mlp, middle, norm(m.norm2, hidden, dy));
  add(dmiddle, dy);
  rows dx = attention(ctx, m.attn, x, e, norm(m.norm1, branch, dmiddle));
  add(dx, dmiddle);
  return dx;
}

}  // namespace heddle::examples::vjp
