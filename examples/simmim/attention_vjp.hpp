/// @file
/// Cosine attention in windows and the block around it, with their derivatives by the input: the second part of `vjp.hpp`.
#pragma once

#include "vjp.hpp"

namespace heddle::examples::vjp {

/// One head of one window: `q`, `k`, `v` and their derivatives, `[tokens, head_dim]`.
struct window_head {
  std::size_t tokens;
  std::size_t dim;
  double scale;
  std::vector<double> q, k, v, dq, dk, dv;
  std::vector<double> added;  ///< `[tokens, tokens]`: biases and penalties
  std::vector<double> q_lengths, k_lengths;

  window_head(std::size_t n, std::size_t d, double s)
      : tokens(n), dim(d), scale(s), q(n * d), k(n * d), v(n * d), dq(n * d), dk(n * d), dv(n * d), added(n * n) {}

  /// Queries and keys become directions.
  void normalise() {
    q_lengths = make_directions(q);
    k_lengths = make_directions(k);
  }
  /// The weights of query `i`.
  void weights(std::size_t i, std::vector<double>& p) const {
    double largest = -1e300;
    double sum = 0.0;
    for (std::size_t j = 0; j < tokens; ++j) {
      double dot = 0.0;
      for (std::size_t d = 0; d < dim; ++d) dot += q[i * dim + d] * k[j * dim + d];
      p[j] = scale * dot + added[i * tokens + j];
      largest = p[j] > largest ? p[j] : largest;
    }
    for (double& w : p) sum += w = std::exp(w - largest);
    for (double& w : p) w /= sum;
  }
  std::vector<double> output() const {
    std::vector<double> out(tokens * dim);
    std::vector<double> p(tokens);
    for (std::size_t i = 0; i < tokens; ++i) {
      weights(i, p);
      for (std::size_t j = 0; j < tokens; ++j)
        for (std::size_t d = 0; d < dim; ++d) out[i * dim + d] += p[j] * v[j * dim + d];
    }
    return out;
  }
  /// `dq`, `dk`, `dv` from the derivative by the output.
  void backward(const std::vector<double>& dout) {
    std::vector<double> p(tokens), dp(tokens);
    for (std::size_t i = 0; i < tokens; ++i) {
      weights(i, p);
      double mean = 0.0;
      for (std::size_t j = 0; j < tokens; ++j) {
        dp[j] = 0.0;
        for (std::size_t d = 0; d < dim; ++d) {
          dp[j] += dout[i * dim + d] * v[j * dim + d];
          dv[j * dim + d] += p[j] * dout[i * dim + d];
        }
        mean += p[j] * dp[j];
      }
      for (std::size_t j = 0; j < tokens; ++j) {
        const double ds = scale * p[j] * (dp[j] - mean);
        for (std::size_t d = 0; d < dim; ++d) {
          dq[i * dim + d] += ds * k[j * dim + d];
          dk[j * dim + d] += ds * q[i * dim + d];
        }
      }
    }
    through_directions(q, q_lengths, dq);
    through_directions(k, k_lengths, dk);
  }

 private:
  std::vector<double> make_directions(std::vector<double>& x) const {
    std::vector<double> lengths(tokens);
    for (std::size_t i = 0; i < tokens; ++i) {
      double sum = 0.0;
      for (std::size_t d = 0; d < dim; ++d) sum += x[i * dim + d] * x[i * dim + d];
      lengths[i] = std::sqrt(sum) > 1e-12 ? std::sqrt(sum) : 1e-12;
      for (std::size_t d = 0; d < dim; ++d) x[i * dim + d] /= lengths[i];
    }
    return lengths;
  }
  void through_directions(const std::vector<double>& direction, const std::vector<double>& lengths,
                          std::vector<double>& dx) const {
    for (std::size_t i = 0; i < tokens; ++i) {
      double along = 0.0;
      for (std::size_t d = 0; d < dim; ++d) along += direction[i * dim + d] * dx[i * dim + d];
      for (std::size_t d = 0; d < dim; ++d) dx[i * dim + d] = (dx[i * dim + d] - direction[i * dim + d] * along) / lengths[i];
    }
  }
};

/// The bias of all outputs of the fused projection, empty for none.
template <class Qkv>
std::vector<float> projection_bias(const Qkv& qkv) {
  if constexpr (requires { qkv.q_bias; }) {
    std::vector<float> bias(qkv.q_bias.span().begin(), qkv.q_bias.span().end());
    bias.resize(2 * bias.size());
    bias.insert(bias.end(), qkv.v_bias.span().begin(), qkv.v_bias.span().end());
    return bias;
  } else {
    return {qkv.bias.span().begin(), qkv.bias.span().end()};
  }
}

/// Calls `f(head of a window, row, column)` for every head of every window of the map `x` of shape `e`: `row(t)` is that of
/// its token t, `column` the first channel of the head among those of all heads.
template <class Attention, class F>
void each_window_head(const Attention& m, const rows& projected, const map_extents& e, F f) {
  constexpr std::size_t dim = Attention::head_dim;
  const token_grid grid = Attention::grid_of(e);
  const auto map = m.composition.partition().map(grid);
  const window_extents sides = map.window();
  const std::size_t n = map.group_size();
  const auto& bias = m.composition.template modifier<0>();
  const auto& penalty = m.composition.template modifier<1>();
  for (std::size_t i = 0; i < projected.count / grid.size() * map.groups() * Attention::heads; ++i) {
    const std::size_t head = i % Attention::heads;
    const std::size_t group = i / Attention::heads % map.groups();
    const std::size_t first = i / Attention::heads / map.groups() * grid.size();
    const auto row = [&](std::size_t t) { return first + static_cast<std::size_t>(map.token(group, t)); };
    window_head h(n, dim, static_cast<double>(m.composition.score().scale(head, dim)));
    const group_context<std::remove_const_t<decltype(map)>> c{0, group, head, n, n, &map};
    for (std::size_t t = 0; t < n; ++t) {
      for (std::size_t d = 0; d < dim; ++d) {
        const double* const at = projected.row(row(t)) + head * dim + d;
        h.q[t * dim + d] = at[0];
        h.k[t * dim + d] = at[Attention::inner];
        h.v[t * dim + d] = at[2 * Attention::inner];
      }
      for (std::size_t k = 0; k < n; ++k) {
        const std::size_t dy = t / sides.width + sides.height - 1 - k / sides.width;
        const std::size_t dx = t % sides.width + sides.width - 1 - k % sides.width;
        h.added[t * n + k] = static_cast<double>(
            penalty(c, bias.offset_bias(sides, head, dy, dx), static_cast<float>(t), static_cast<float>(k)));
      }
    }
    h.normalise();
    f(h, row, head * dim);
  }
}

/// Cosine attention in windows with `relative_position_bias` and `region_penalty`.
template <class Attention>
rows attention(const Attention& m, const rows& x, const map_extents& e) {
  const rows projected = linear(x, as_rows(m.qkv.weight.view()), projection_bias(m.qkv));
  rows all(x.count, Attention::inner);
  each_window_head(m, projected, e, [&](const window_head& h, auto row, std::size_t column) {
    const std::vector<double> out = h.output();
    for (std::size_t t = 0; t < h.tokens; ++t) std::copy_n(out.data() + t * h.dim, h.dim, all.row(row(t)) + column);
  });
  return linear(all, as_rows(m.proj.weight.view()), m.proj.bias.span());
}
template <class Attention>
rows attention_vjp(const Attention& m, const rows& x, const map_extents& e, const rows& dy) {
  const rows projected = linear(x, as_rows(m.qkv.weight.view()), projection_bias(m.qkv));
  const rows dall = linear_vjp(dy, as_rows(m.proj.weight.view()));
  rows dprojected(x.count, 3 * Attention::inner);
  each_window_head(m, projected, e, [&](window_head& h, auto row, std::size_t column) {
    std::vector<double> dout(h.tokens * h.dim);
    for (std::size_t t = 0; t < h.tokens; ++t) std::copy_n(dall.row(row(t)) + column, h.dim, dout.data() + t * h.dim);
    h.backward(dout);
    for (std::size_t t = 0; t < h.tokens; ++t) {
      double* const at = dprojected.row(row(t)) + column;
      std::copy_n(h.dq.data() + t * h.dim, h.dim, at);
      std::copy_n(h.dk.data() + t * h.dim, h.dim, at + Attention::inner);
      std::copy_n(h.dv.data() + t * h.dim, h.dim, at + 2 * Attention::inner);
    }
  });
  return linear_vjp(dprojected, as_rows(m.qkv.weight.view()));
}

/// `x1 = x + norm1(attn(x))`, `y = x1 + norm2(mlp(x1))` on the map `x` of shape `e`.
template <class Block>
rows block(const Block& m, const rows& x, const map_extents& e) {
  rows y = norm(m.norm1, attention(m.attn, x, e));
  add(y, x);
  add(y, norm(m.norm2, mlp(m.mlp, y)));
  return y;
}
template <class Block>
rows block_vjp(const Block& m, const rows& x, const map_extents& e, const rows& dy) {
  const rows branch = attention(m.attn, x, e);
  rows middle = norm(m.norm1, branch);
  add(middle, x);
  rows dmiddle = mlp_vjp(m.mlp, middle, norm_vjp(m.norm2, mlp(m.mlp, middle), dy));
  add(dmiddle, dy);
  rows dx = attention_vjp(m.attn, x, e, norm_vjp(m.norm1, branch, dmiddle));
  add(dx, dmiddle);
  return dx;
}

}  // namespace heddle::examples::vjp
