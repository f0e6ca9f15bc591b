// Fused forward and backward of MBConv with squeeze-and-excitation (training mode: batch statistics), width 48.
// Batch norm needs whole-batch sums, so the layer is a few passes over bfloat16 maps; GELU is recomputed.
#include <torch/extension.h>

#include <cmath>

#include "fused.hpp"

using torch::Tensor;

namespace {

float* f(const Tensor& t) { return t.data_ptr<float>(); }
bf* h(const Tensor& t) { return reinterpret_cast<bf*>(t.data_ptr<at::BFloat16>()); }

enum weight { W1, B1, G1, T1, WD, BD, G2, T2, S1, S2, W2, B2, G3, T3 };

// Batch norm over m rows of n channels: y = x * scale + shift.
struct norm {
  int n;
  double m;
  alignas(64) float sum[D] = {}, square[D] = {}, mean[D], rstd[D], scale[D], shift[D];
  norm(int channels, double rows) : n(channels), m(rows) {}
  void add(int c, vec x) {
    st(sum + c, ld(sum + c) + x);
    st(square + c, fma(x, x, ld(square + c)));
  }
  // The convolution's bias is left out of the sums: it only shifts the running mean.
  void finish(const Tensor& g, const Tensor& t, const Tensor& bias, const Tensor& run_mean, const Tensor& run_var) {
    for (int c = 0; c < n; ++c) {
      const double mu = sum[c] / m, var = std::max(0.0, square[c] / m - mu * mu);
      mean[c] = float(mu);
      rstd[c] = float(1 / std::sqrt(var + 1e-5));
      scale[c] = f(g)[c] * rstd[c];
      shift[c] = f(t)[c] - mean[c] * scale[c];
      f(run_mean)[c] += 0.1f * (mean[c] + f(bias)[c] - f(run_mean)[c]);
      f(run_var)[c] += 0.1f * (float(var * m / (m - 1)) - f(run_var)[c]);
    }
  }
  void save(float* to) const {
    for (const float* p : {mean, rstd, scale, shift}) std::memcpy(std::exchange(to, to + D), p, D * 4);
  }
  void restore(const float* from) {
    for (float* p : {mean, rstd, scale, shift}) std::memcpy(p, std::exchange(from, from + D), D * 4);
  }
  vec apply(int c, vec x) const { return fma(x, ld(scale + c), ld(shift + c)); }
};

// Backward of batch norm: dx = scale * dy + slope * x + offset, from the sums of dy and dy * x.
struct norm_back {
  alignas(64) float dy[D] = {}, dyx[D] = {}, slope[D], offset[D];
  void add(int c, vec g, vec x) {
    st(dy + c, ld(dy + c) + g);
    st(dyx + c, fma(g, x, ld(dyx + c)));
  }
  void finish(const norm& b, float* dg, float* dt) {
    for (int c = 0; c < b.n; ++c) {
      const double dot = (double(dyx[c]) - double(b.mean[c]) * dy[c]) * b.rstd[c];
      dg[c] = float(dot);
      dt[c] = dy[c];
      slope[c] = float(-b.scale[c] * dot / b.m * b.rstd[c]);
      offset[c] = float(-b.scale[c] * dy[c] / b.m - double(slope[c]) * b.mean[c]);
    }
  }
  vec apply(const norm& b, int c, vec g, vec x) const { return fma(ld(b.scale + c), g, fma(ld(slope + c), x, ld(offset + c))); }
};

struct gate {  // squeeze-and-excitation of one picture
  alignas(64) float mean[D] = {}, u[C], a[C], out[D], grad[D] = {};
  void forward(const float* s1, const float* s2) {
    for (int i = 0; i < C; ++i) {
      u[i] = 0;
      for (int j = 0; j < D; ++j) u[i] += s1[i * D + j] * mean[j];
      a[i] = u[i] / (1 + std::exp(-u[i]));
    }
    for (int j = 0; j < D; ++j) {
      float v = 0;
      for (int i = 0; i < C; ++i) v += s2[j * C + i] * a[i];
      out[j] = 1 / (1 + std::exp(-v));
    }
  }
  // From the gradient of the gate to that of the mean (left in grad).
  void backward(const float* s1, const float* s2, float* d1, float* d2) {
    float da[C] = {};
    for (int j = 0; j < D; ++j) {
      const float dv = grad[j] * out[j] * (1 - out[j]);
      for (int i = 0; i < C; ++i) {
        d2[j * C + i] += dv * a[i];
        da[i] += dv * s2[j * C + i];
      }
    }
    std::memset(grad, 0, sizeof grad);
    for (int i = 0; i < C; ++i) {
      const float s = 1 / (1 + std::exp(-u[i])), du = da[i] * s * (1 + u[i] * (1 - s));
      for (int j = 0; j < D; ++j) {
        d1[i * D + j] += du * mean[j];
        grad[j] += du * s1[i * D + j];
      }
    }
  }
};

struct buffers {
  alignas(64) float hidden[R * D], out[R * C];
  alignas(64) bf in[R * 64] = {}, act[R * D];
};

// Up to R rows of 48 floats as bfloat16, the rest zero.
void narrow(const float* x, int rows, bf* to) {
  for (int r = 0; r < rows; ++r)
    for (int k = 0; k < C; k += 16) st(to + r * 64 + k, ld(x + r * C + k));
  std::memset(to + rows * 64, 0, (R - rows) * 64 * 2);
}

// One vector of channels as a map with a zero border, 16 floats per pixel.
struct plane {
  std::vector<float> data;
  int h, w;
  plane(int height, int width) : data((height + 2) * (width + 2) * 16, 0.f), h(height), w(width) {}
  float* at(int y, int x) { return data.data() + ((y + 1) * (w + 2) + x + 1) * 16; }
};

void load_taps(const float* wd, int c, vec* taps) {
  alignas(64) float t[16];
  for (int i = 0; i < 9; ++i) {
    for (int k = 0; k < 16; ++k) t[k] = wd[(c + k) * 9 + i];
    taps[i] = ld(t);
  }
}

template <bool Flipped>
vec stencil(const float* p, int stride, const vec* taps) {
  vec a = all(0);
  for (int i = 0; i < 9; ++i) a = fma(taps[Flipped ? 8 - i : i], ld(p + (i / 3 - 1) * stride + (i % 3 - 1) * 16), a);
  return a;
}

// Scaled activations of a chunk; rows past the end are zero.
void gated(const bf* g2, const float* gate, int rows, bf* to) {
  for (int r = 0; r < rows; ++r)
    for (int k = 0; k < D; k += 16) st(to + r * D + k, ld(g2 + r * D + k) * ld(gate + k));
  std::memset(to + rows * D, 0, (R - rows) * D * 2);
}

}  // namespace

std::vector<Tensor> mbconv_forward(Tensor x, std::vector<Tensor> w, std::vector<Tensor> running) {
  const int b = int(x.size(0)), hh = int(x.size(1)), ww = int(x.size(2)), hw = hh * ww;
  const int64_t m = int64_t(b) * hw;
  const packed w1(f(w[W1]), C, D, 1, C), w2(f(w[W2]), D, C, 1, D);
  const auto half = x.options().dtype(torch::kBFloat16);
  Tensor th = torch::empty({m, D}, half), td = torch::empty({m, D}, half), tg = torch::empty({m, D}, half),
         to = torch::empty({m, C}), gates = torch::empty({b, int64_t(sizeof(gate) / 4)}), y = torch::empty_like(x),
         stats = torch::empty({3, 4 * D});
  static thread_local buffers t;
  norm n1(D, double(m)), n2(D, double(m)), n3(C, double(m));
  tiles on;
  for (int64_t i = 0; i < m; i += R) {
    const int rows = int(std::min<int64_t>(R, m - i));
    narrow(f(x) + i * C, rows, t.in);
    product(t.in, 64, w1, t.hidden, D, R);
    for (int r = 0; r < rows; ++r)
      for (int k = 0; k < D; k += 16) {
        const vec v = ld(t.hidden + r * D + k);
        st(h(th) + (i + r) * D + k, v);
        n1.add(k, v);
      }
  }
  n1.finish(w[G1], w[T1], w[B1], running[0], running[1]);
  plane g1(hh, ww);
  const int stride = (ww + 2) * 16;
  for (int s = 0; s < b; ++s)
    for (int c = 0; c < D; c += 16) {
      const int64_t base = int64_t(s) * hw * D + c;
      vec taps[9];
      load_taps(f(w[WD]), c, taps);
      for (int p = 0; p < hw; ++p) st(g1.at(p / ww, p % ww), gelu(n1.apply(c, ld(h(th) + base + p * D))));
      for (int p = 0; p < hw; ++p) {
        const vec v = stencil<false>(g1.at(p / ww, p % ww), stride, taps);
        st(h(td) + base + p * D, v);
        n2.add(c, v);
      }
    }
  n2.finish(w[G2], w[T2], w[BD], running[2], running[3]);
  for (int s = 0; s < b; ++s) {
    gate g;
    const int64_t base = int64_t(s) * hw;
    for (int64_t p = base; p < base + hw; ++p)
      for (int k = 0; k < D; k += 16) {
        const vec v = gelu(n2.apply(k, ld(h(td) + p * D + k)));
        st(h(tg) + p * D + k, v);
        st(g.mean + k, ld(g.mean + k) + v);
      }
    for (float& v : g.mean) v /= float(hw);
    g.forward(f(w[S1]), f(w[S2]));
    std::memcpy(f(gates) + s * sizeof(gate) / 4, &g, sizeof g);
    for (int i = 0; i < hw; i += R) {
      const int rows = std::min(R, hw - i);
      gated(h(tg) + (base + i) * D, g.out, rows, t.act);
      product(t.act, D, w2, t.out, C, R);
      for (int r = 0; r < rows; ++r)
        for (int k = 0; k < C; k += 16) {
          const vec v = ld(t.out + r * C + k);
          st(f(to) + (base + i + r) * C + k, v);
          n3.add(k, v);
        }
    }
  }
  n3.finish(w[G3], w[T3], w[B2], running[4], running[5]);
  for (int64_t p = 0; p < m; ++p)
    for (int k = 0; k < C; k += 16) st(f(y) + p * C + k, ld(f(x) + p * C + k) + n3.apply(k, ld(f(to) + p * C + k)));
  n1.save(f(stats));
  n2.save(f(stats) + 4 * D);
  n3.save(f(stats) + 8 * D);
  return {y, th, td, tg, to, gates, stats};
}

std::vector<Tensor> mbconv_backward(Tensor dy, Tensor x, std::vector<Tensor> w, std::vector<Tensor> saved) {
  const int b = int(x.size(0)), hh = int(x.size(1)), ww = int(x.size(2)), hw = hh * ww;
  const int64_t m = int64_t(b) * hw;
  const Tensor th = saved[0], td = saved[1], tg = saved[2], to = saved[3], gates = saved[4], stats = saved[5];
  const packed w1t(f(w[W1]), D, C, C, 1), w2t(f(w[W2]), C, D, D, 1);
  std::vector<Tensor> d;
  for (const Tensor& t : w) d.push_back(torch::zeros_like(t));
  Tensor d1 = torch::zeros({C, D}), dx = torch::empty_like(x), grad = torch::empty_like(th);
  static thread_local buffers t;
  norm n1(D, double(m)), n2(D, double(m)), n3(C, double(m));
  n1.restore(f(stats));
  n2.restore(f(stats) + 4 * D);
  n3.restore(f(stats) + 8 * D);
  norm_back back1, back2, back3;
  for (int64_t p = 0; p < m; ++p)
    for (int k = 0; k < C; k += 16) back3.add(k, ld(f(dy) + p * C + k), ld(f(to) + p * C + k));
  back3.finish(n3, f(d[G3]), f(d[T3]));
  tiles on;
  for (int s = 0; s < b; ++s) {  // last convolution, gate, second activation
    gate g;
    std::memcpy(&g, f(gates) + s * sizeof(gate) / 4, sizeof g);
    std::memset(g.grad, 0, sizeof g.grad);
    const int64_t base = int64_t(s) * hw;
    for (int i = 0; i < hw; i += R) {
      const int rows = std::min(R, hw - i);
      const int64_t p = base + i;
      for (int r = 0; r < rows; ++r)
        for (int k = 0; k < C; k += 16)
          st(t.in + r * 64 + k, back3.apply(n3, k, ld(f(dy) + (p + r) * C + k), ld(f(to) + (p + r) * C + k)));
      std::memset(t.in + rows * 64, 0, (R - rows) * 64 * 2);
      gated(h(tg) + p * D, g.out, rows, t.act);
      outer(t.in, 64, t.act, D, D, f(d[W2]), R);
      product(t.in, 64, w2t, t.hidden, D, R);
      for (int r = 0; r < rows; ++r)
        for (int k = 0; k < D; k += 16) {
          const vec v = ld(t.hidden + r * D + k);
          st(h(grad) + (p + r) * D + k, v);
          st(g.grad + k, fma(v, ld(h(tg) + (p + r) * D + k), ld(g.grad + k)));
        }
    }
    g.backward(f(w[S1]), f(w[S2]), f(d[S1]), f(d[S2]));
    for (float& v : g.grad) v /= float(hw);
    for (int64_t p = base; p < base + hw; ++p)
      for (int k = 0; k < D; k += 16) {
        const vec v = ld(h(td) + p * D + k);
        const vec dz = fma(ld(h(grad) + p * D + k), ld(g.out + k), ld(g.grad + k)) * gelu_slope(n2.apply(k, v));
        st(h(grad) + p * D + k, dz);
        back2.add(k, dz, v);
      }
  }
  back2.finish(n2, f(d[G2]), f(d[T2]));
  plane e(hh, ww), g1(hh, ww), slope(hh, ww);
  const int stride = (ww + 2) * 16;
  for (int s = 0; s < b; ++s)  // depthwise convolution and first activation
    for (int c = 0; c < D; c += 16) {
      const int64_t base = int64_t(s) * hw * D + c;
      vec taps[9], dtaps[9];
      load_taps(f(w[WD]), c, taps);
      for (vec& v : dtaps) v = all(0);
      for (int p = 0; p < hw; ++p) {
        const vec z = n1.apply(c, ld(h(th) + base + p * D));
        st(g1.at(p / ww, p % ww), gelu(z));
        st(slope.at(p / ww, p % ww), gelu_slope(z));
        st(e.at(p / ww, p % ww), back2.apply(n2, c, ld(h(grad) + base + p * D), ld(h(td) + base + p * D)));
      }
      for (int p = 0; p < hw; ++p) {
        const float* near = g1.at(p / ww, p % ww);
        const float* centre = e.at(p / ww, p % ww);
        const vec v = ld(centre);
        for (int i = 0; i < 9; ++i) dtaps[i] = fma(v, ld(near + (i / 3 - 1) * stride + (i % 3 - 1) * 16), dtaps[i]);
        const vec dz = stencil<true>(centre, stride, taps) * ld(slope.at(p / ww, p % ww));
        st(h(grad) + base + p * D, dz);
        back1.add(c, dz, ld(h(th) + base + p * D));
      }
      alignas(64) float sums[16];
      for (int i = 0; i < 9; ++i) {
        st(sums, dtaps[i]);
        for (int k = 0; k < 16; ++k) f(d[WD])[(c + k) * 9 + i] += sums[k];
      }
    }
  back1.finish(n1, f(d[G1]), f(d[T1]));
  for (int64_t i = 0; i < m; i += R) {  // first convolution
    const int rows = int(std::min<int64_t>(R, m - i));
    narrow(f(x) + i * C, rows, t.in);
    for (int r = 0; r < rows; ++r)
      for (int k = 0; k < D; k += 16) {
        const int64_t at = (i + r) * D + k;
        st(t.act + r * D + k, back1.apply(n1, k, ld(h(grad) + at), ld(h(th) + at)));
      }
    std::memset(t.act + rows * D, 0, (R - rows) * D * 2);
    outer(t.in, 64, t.act, D, D, f(d1), R);
    product(t.act, D, w1t, t.out, C, R);
    for (int r = 0; r < rows; ++r)
      for (int k = 0; k < C; k += 16) st(f(dx) + (i + r) * C + k, ld(f(dy) + (i + r) * C + k) + ld(t.out + r * C + k));
  }
  d[W1] = d1.t();
  d.insert(d.begin(), dx);
  return d;
}
