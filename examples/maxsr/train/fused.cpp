// Fused forward and backward of the feed-forward and attention sub-layers of MaxSR-light, for training on CPUs
// with AMX.  Activations are recomputed in the backward pass, chunk by chunk, so they never leave the cache.
#include <torch/extension.h>

#include "fused.hpp"

using torch::Tensor;
std::vector<Tensor> mbconv_forward(Tensor x, std::vector<Tensor> w, std::vector<Tensor> running);
std::vector<Tensor> mbconv_backward(Tensor dy, Tensor x, std::vector<Tensor> w, std::vector<Tensor> saved);

namespace {

float* f(const Tensor& t) { return t.data_ptr<float>(); }

struct chunk {  // buffers of the feed-forward layer
  alignas(64) float hat[R * C], rstd[R], hidden[R * D], out[R * C];
  alignas(64) bf norm[R * 64] = {}, act[R * D], grad[R * 64] = {};
};

// Normalises up to R rows; the rest of the chunk becomes zero.
void load_rows(chunk& c, const float* x, int rows, const float* g, const float* b) {
  for (int r = 0; r < rows; ++r) c.rstd[r] = norm_row(x + r * C, g, b, c.hat + r * C, c.norm + r * 64);
  std::memset(c.norm + rows * 64, 0, (R - rows) * 64 * 2);
}

// x + W2 gelu(W1 norm(x) + b1) + b2; w = norm weight, norm bias, W1, b1, W2, b2
Tensor ffn_forward(Tensor x, std::vector<Tensor> w) {
  const packed w1(f(w[2]), C, D, 1, C), w2(f(w[4]), D, C, 1, D);
  const int64_t m = x.numel() / C;
  Tensor y = torch::empty_like(x);
  static thread_local chunk c;
  tiles on;
  for (int64_t i = 0; i < m; i += R) {
    const int rows = int(std::min<int64_t>(R, m - i));
    const float* in = f(x) + i * C;
    load_rows(c, in, rows, f(w[0]), f(w[1]));
    product(c.norm, 64, w1, c.hidden, D, R);
    for (int r = 0; r < R; ++r)
      for (int k = 0; k < D; k += 16) st(c.act + r * D + k, gelu(ld(c.hidden + r * D + k) + ld(f(w[3]) + k)));
    product(c.act, D, w2, c.out, C, R);
    for (int r = 0; r < rows; ++r)
      for (int k = 0; k < C; k += 16) st(f(y) + (i + r) * C + k, ld(in + r * C + k) + ld(c.out + r * C + k) + ld(f(w[5]) + k));
  }
  return y;
}

std::vector<Tensor> ffn_backward(Tensor dy, Tensor x, std::vector<Tensor> w) {
  const packed w1(f(w[2]), C, D, 1, C), w1t(f(w[2]), D, C, C, 1), w2t(f(w[4]), C, D, D, 1);
  const int64_t m = x.numel() / C;
  Tensor dx = torch::empty_like(x), dg = torch::zeros({C}), db = torch::zeros({C}), d1 = torch::zeros({C, D}),
         db1 = torch::zeros({D}), d2 = torch::zeros({C, D}), db2 = torch::zeros({C});
  static thread_local chunk c;
  static thread_local float slope[R * D];
  static thread_local bf dh[R * D];
  tiles on;
  for (int64_t i = 0; i < m; i += R) {
    const int rows = int(std::min<int64_t>(R, m - i));
    load_rows(c, f(x) + i * C, rows, f(w[0]), f(w[1]));
    product(c.norm, 64, w1, c.hidden, D, R);
    for (int r = 0; r < R; ++r)
      for (int k = 0; k < D; k += 16) {
        const vec h = ld(c.hidden + r * D + k) + ld(f(w[3]) + k);
        st(c.act + r * D + k, gelu(h));
        st(slope + r * D + k, gelu_slope(h));
      }
    for (int r = 0; r < rows; ++r)
      for (int k = 0; k < C; k += 16) {
        const vec d = ld(f(dy) + (i + r) * C + k);
        st(c.grad + r * 64 + k, d);
        st(f(db2) + k, ld(f(db2) + k) + d);
      }
    std::memset(c.grad + rows * 64, 0, (R - rows) * 64 * 2);
    product(c.grad, 64, w2t, c.hidden, D, R);
    for (int k = 0; k < D; k += 16) {
      vec sum = ld(f(db1) + k);
      for (int r = 0; r < R; ++r) {
        const vec d = ld(c.hidden + r * D + k) * ld(slope + r * D + k);
        sum = sum + d;
        st(dh + r * D + k, d);
      }
      st(f(db1) + k, sum);
    }
    outer(c.grad, 64, c.act, D, D, f(d2), R);
    outer(c.norm, 64, dh, D, D, f(d1), R);
    product(dh, D, w1t, c.out, C, R);
    for (int r = 0; r < rows; ++r)
      norm_row_back(c.out + r * C, c.hat + r * C, c.rstd[r], f(w[0]), f(dy) + (i + r) * C, f(dx) + (i + r) * C, f(dg), f(db));
  }
  return {dx, dg, db, d1.t(), db1, d2, db2};
}

constexpr int H = 4, W3 = 3 * C, PAD = 160;  // heads, qkv width, its width padded to whole tiles

// One head of one window of n tokens, NP = n rounded up to 16: rows of 16 floats, 12 used, and transposes.
template <int NP>
struct head {
  alignas(64) float q[NP * 16], k[NP * 16], v[NP * 16], o[NP * 16], kt[12 * NP], vt[12 * NP], p[NP * NP], s[NP * NP];
};

inline constexpr __mmask16 used = 0x0fff;

// s (n x NP) = a (n x 12) * bt (12 x NP)
template <int NP>
void scores(const float* a, const float* bt, float* s, int n) {
  constexpr int V = NP / 16;
  for (int i = 0; i < n; ++i) {
    vec acc[V];
    for (int j = 0; j < V; ++j) acc[j] = all(0);
    for (int d = 0; d < 12; ++d) {
      const vec x = all(a[i * 16 + d]);
      for (int j = 0; j < V; ++j) acc[j] = fma(x, ld(bt + d * NP + 16 * j), acc[j]);
    }
    for (int j = 0; j < V; ++j) st(s + i * NP + 16 * j, acc[j]);
  }
}

// out (n x 16) = s (n x n, row stride NP) * b (n x 16), or with s transposed
template <int NP, bool Transposed>
void mix(const float* s, const float* b, float* out, int n) {
  for (int i = 0; i < n; i += 8) {
    vec acc[8];
    for (vec& a : acc) a = all(0);
    for (int j = 0; j < n; ++j) {
      const vec x = ld(b + j * 16);
      for (int k = 0; k < 8; ++k) acc[k] = fma(all(Transposed ? s[j * NP + i + k] : s[(i + k) * NP + j]), x, acc[k]);
    }
    for (int k = 0; k < 8; ++k) st(out + (i + k) * 16, acc[k]);
  }
}

template <int NP>
void softmax(float* p, const float* bias, int n) {
  constexpr int V = NP / 16;
  const int rest = n - (V - 1) * 16;
  const __mmask16 last = rest >= 16 ? 0xffff : __mmask16((1 << rest) - 1);
  for (int i = 0; i < n; ++i) {
    vec a[V], top = all(-1e30f), sum = all(0);
    for (int j = 0; j < V; ++j) {
      a[j] = ld(p + i * NP + 16 * j) + ld(bias + i * NP + 16 * j);
      if (j == V - 1) a[j] = _mm512_mask_mov_ps(all(-1e30f), last, a[j]);
      top = _mm512_max_ps(top, a[j]);
    }
    top = all(_mm512_reduce_max_ps(top));
    for (int j = 0; j < V; ++j) {
      a[j] = exp_(a[j] - top);
      if (j == V - 1) a[j] = _mm512_maskz_mov_ps(last, a[j]);
      sum = sum + a[j];
    }
    const vec inverse = all(1.f / total(sum));
    for (int j = 0; j < V; ++j) st(p + i * NP + 16 * j, a[j] * inverse);
  }
}

template <int NP>
void load_head(head<NP>& h, const float* qkv, int index, int n) {
  const vec scale = all(0.288675135f);
  for (int i = 0; i < n; ++i) {
    const float* row = qkv + i * W3 + index * 12;
    st(h.q + i * 16, _mm512_maskz_loadu_ps(used, row) * scale);
    st(h.k + i * 16, _mm512_maskz_loadu_ps(used, row + C));
    st(h.v + i * 16, _mm512_maskz_loadu_ps(used, row + 2 * C));
    for (int d = 0; d < 12; ++d) {
      h.kt[d * NP + i] = row[C + d];
      h.vt[d * NP + i] = row[2 * C + d];
    }
  }
}

struct windows {  // which pixels form a group: offset of the group plus offset of the token
  std::vector<int64_t> group, token;
  windows(const Tensor& x, int wh, int ww, bool grid) {
    const int64_t b = x.size(0), h = x.size(1), w = x.size(2), gh = h / wh, gw = w / ww;
    for (int64_t i = 0; i < b; ++i)
      for (int64_t y = 0; y < gh; ++y)
        for (int64_t z = 0; z < gw; ++z) group.push_back(i * h * w + (grid ? y * w + z : y * wh * w + z * ww));
    for (int64_t y = 0; y < wh; ++y)
      for (int64_t z = 0; z < ww; ++z) token.push_back(grid ? y * gh * w + z * gw : y * w + z);
  }
};

struct window_buffers {
  alignas(64) float x[R * C], dy[R * C], hat[R * C], rstd[R], qkv[R * W3], dqkv[R * W3], o[R * C], out[R * C];
  alignas(64) bf norm[R * 64] = {}, mixed[R * 64] = {}, grad[R * 64] = {}, wide[R * PAD] = {};
};

void gather(const float* x, const windows& win, size_t g, float* to) {
  for (size_t t = 0; t < win.token.size(); ++t) std::memcpy(to + t * C, x + (win.group[g] + win.token[t]) * C, C * 4);
}

// Everything up to the mixed values; leaves probabilities in h[0..3].
template <int NP>
void attend(window_buffers& b, head<NP>* h, const packed& wqkv, const float* bias, int n, int rows,
            const std::vector<Tensor>& w) {
  for (int i = 0; i < n; ++i) b.rstd[i] = norm_row(b.x + i * C, f(w[0]), f(w[1]), b.hat + i * C, b.norm + i * 64);
  std::memset(b.norm + n * 64, 0, (rows - n) * 64 * 2);
  product(b.norm, 64, wqkv, b.qkv, W3, rows);
  for (int k = 0; k < H; ++k) {
    load_head<NP>(h[k], b.qkv, k, n);
    scores<NP>(h[k].q, h[k].kt, h[k].p, n);
    softmax<NP>(h[k].p, bias + k * n * NP, n);
    mix<NP, false>(h[k].p, h[k].v, h[k].o, n);
    for (int i = 0; i < n; ++i) _mm512_mask_storeu_ps(b.o + i * C + k * 12, used, ld(h[k].o + i * 16));
  }
  for (int i = 0; i < n; ++i)
    for (int k = 0; k < C; k += 16) st(b.mixed + i * 64 + k, ld(b.o + i * C + k));
  std::memset(b.mixed + n * 64, 0, (rows - n) * 64 * 2);
}

// x + Wout attention(norm(x)); w = norm weight, norm bias, Wqkv, Wout; bias (heads, n, NP)
template <int NP>
Tensor attention_forward_n(Tensor x, Tensor bias, std::vector<Tensor> w, const windows& win) {
  const packed wqkv(f(w[2]), C, W3, 1, C), wout(f(w[3]), C, C, 1, C);
  const int n = int(win.token.size()), rows = (n + 31) / 32 * 32;
  static thread_local window_buffers b;
  static thread_local head<NP> h[H];
  Tensor y = torch::empty_like(x);
  tiles on;
  for (size_t g = 0; g < win.group.size(); ++g) {
    gather(f(x), win, g, b.x);
    attend<NP>(b, h, wqkv, f(bias), n, rows, w);
    product(b.mixed, 64, wout, b.out, C, rows);
    for (int i = 0; i < n; ++i)
      for (int k = 0; k < C; k += 16)
        st(f(y) + (win.group[g] + win.token[i]) * C + k, ld(b.x + i * C + k) + ld(b.out + i * C + k));
  }
  return y;
}

// Gradient of one head; dO is in h.o, dq, dk, dv go to rows of dqkv, the bias gradient is added up.
template <int NP>
void head_back(head<NP>& h, float* dqkv, int index, float* dbias, int n) {
  constexpr int V = NP / 16;
  alignas(64) static thread_local float dq[NP * 16], dk[NP * 16], dv[NP * 16];
  scores<NP>(h.o, h.vt, h.s, n);
  for (int i = 0; i < n; ++i) {
    vec sum = all(0);
    for (int j = 0; j < V; ++j) sum = fma(ld(h.p + i * NP + 16 * j), ld(h.s + i * NP + 16 * j), sum);
    const vec mean = all(total(sum));
    for (int j = 0; j < V; ++j) {
      const int at = i * NP + 16 * j;
      const vec d = ld(h.p + at) * (ld(h.s + at) - mean);
      st(h.s + at, d);
      st(dbias + at, ld(dbias + at) + d);
    }
  }
  mix<NP, false>(h.s, h.k, dq, n);
  mix<NP, true>(h.s, h.q, dk, n);
  mix<NP, true>(h.p, h.o, dv, n);
  const vec scale = all(0.288675135f);
  for (int i = 0; i < n; ++i) {
    float* row = dqkv + i * W3 + index * 12;
    _mm512_mask_storeu_ps(row, used, ld(dq + i * 16) * scale);
    _mm512_mask_storeu_ps(row + C, used, ld(dk + i * 16));
    _mm512_mask_storeu_ps(row + 2 * C, used, ld(dv + i * 16));
  }
}

template <int NP>
std::vector<Tensor> attention_backward_n(Tensor dy, Tensor x, Tensor bias, std::vector<Tensor> w, const windows& win) {
  const packed wqkv(f(w[2]), C, W3, 1, C), wqkvt(f(w[2]), W3, C, C, 1), woutt(f(w[3]), C, C, C, 1);
  const int n = int(win.token.size()), rows = (n + 31) / 32 * 32;
  static thread_local window_buffers b;
  static thread_local head<NP> h[H];
  Tensor dx = torch::empty_like(x), dg = torch::zeros({C}), db = torch::zeros({C}), dw = torch::zeros({C, W3}),
         dout = torch::zeros({C, C}), dbias = torch::zeros_like(bias);
  alignas(64) static thread_local float back[R * C];
  tiles on;
  for (size_t g = 0; g < win.group.size(); ++g) {
    gather(f(x), win, g, b.x);
    gather(f(dy), win, g, b.dy);
    attend<NP>(b, h, wqkv, f(bias), n, rows, w);
    for (int i = 0; i < n; ++i)
      for (int k = 0; k < C; k += 16) st(b.grad + i * 64 + k, ld(b.dy + i * C + k));
    std::memset(b.grad + n * 64, 0, (rows - n) * 64 * 2);
    outer(b.grad, 64, b.mixed, 64, C, f(dout), rows);
    product(b.grad, 64, woutt, b.o, C, rows);
    for (int k = 0; k < H; ++k) {
      for (int i = 0; i < n; ++i) st(h[k].o + i * 16, _mm512_maskz_loadu_ps(used, b.o + i * C + k * 12));
      head_back<NP>(h[k], b.dqkv, k, f(dbias) + k * n * NP, n);
    }
    for (int i = 0; i < n; ++i)
      for (int k = 0; k < W3; k += 16) st(b.wide + i * PAD + k, ld(b.dqkv + i * W3 + k));
    std::memset(b.wide + n * PAD, 0, (rows - n) * PAD * 2);
    outer(b.norm, 64, b.wide, PAD, W3, f(dw), rows);
    product(b.wide, PAD, wqkvt, back, C, rows);
    for (int i = 0; i < n; ++i)
      norm_row_back(back + i * C, b.hat + i * C, b.rstd[i], f(w[0]), b.dy + i * C, f(dx) + (win.group[g] + win.token[i]) * C,
                    f(dg), f(db));
  }
  return {dx, dbias, dg, db, dw.t(), dout};
}

Tensor attention_forward(Tensor x, Tensor bias, std::vector<Tensor> w, int wh, int ww, bool grid) {
  const windows win(x, wh, ww, grid);
  switch (bias.size(2)) {
    case 32:
      return attention_forward_n<32>(x, bias, w, win);
    case 48:
      return attention_forward_n<48>(x, bias, w, win);
    case 64:
      return attention_forward_n<64>(x, bias, w, win);
  }
  TORCH_CHECK(false, "windows of 17 to 64 tokens only");
}

std::vector<Tensor> attention_backward(Tensor dy, Tensor x, Tensor bias, std::vector<Tensor> w, int wh, int ww, bool grid) {
  const windows win(x, wh, ww, grid);
  switch (bias.size(2)) {
    case 32:
      return attention_backward_n<32>(dy, x, bias, w, win);
    case 48:
      return attention_backward_n<48>(dy, x, bias, w, win);
    case 64:
      return attention_backward_n<64>(dy, x, bias, w, win);
  }
  TORCH_CHECK(false, "windows of 17 to 64 tokens only");
}

}  // namespace

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
  m.def("ffn_forward", &ffn_forward);
  m.def("ffn_backward", &ffn_backward);
  m.def("attention_forward", &attention_forward);
  m.def("attention_backward", &attention_backward);
  m.def("mbconv_forward", &mbconv_forward);
  m.def("mbconv_backward", &mbconv_backward);
}
