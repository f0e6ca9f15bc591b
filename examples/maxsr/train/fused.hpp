// Shared pieces of the fused training layers: 16-lane maths, bfloat16 conversion and AMX products.
// One thread per process; CPUs with AVX-512 and AMX-BF16 only.
#pragma once
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <vector>

using bf = uint16_t;
using vec = __m512;
constexpr int C = 48, D = 192;  // width of the light model and of its hidden layers
constexpr int R = 64;           // rows of a chunk

inline vec ld(const float* p) { return _mm512_loadu_ps(p); }
inline void st(float* p, vec v) { _mm512_storeu_ps(p, v); }
inline vec all(float x) { return _mm512_set1_ps(x); }
inline vec fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
inline float total(vec v) { return _mm512_reduce_add_ps(v); }
inline vec ld(const bf* p) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)p)), 16));
}
inline void st(bf* p, vec v) { _mm256_storeu_si256((__m256i*)p, (__m256i)_mm512_cvtneps_pbh(v)); }

// Normal distribution function on [-4, 4], polynomial of error 5e-6.
inline vec phi(vec x) {
  x = _mm512_max_ps(_mm512_min_ps(x, all(4.f)), all(-4.f));
  const vec t = x * x;
  vec r = all(8.062827489e-11f);
  for (float k : {-7.003071456e-09f, 2.716047618e-07f, -6.294841569e-06f, 9.890677029e-05f, -1.133915968e-03f, 9.877461940e-03f,
                  -6.641057879e-02f, 3.989227116e-01f})
    r = fma(r, t, all(k));
  return fma(r, x, all(.5f));
}
inline vec gelu(vec x) { return x * phi(x); }
// Its derivative on [-4.5, 4.5], error 1.1e-4.
inline vec gelu_slope(vec x) {
  x = _mm512_max_ps(_mm512_min_ps(x, all(4.5f)), all(-4.5f));
  const vec t = x * x;
  vec r = all(-2.210551880e-11f);
  for (float k : {2.521080678e-09f, -1.267958538e-07f, 3.721727353e-06f, -7.121926319e-05f, 9.405207238e-04f, -8.815760724e-03f,
                  5.860905722e-02f, -2.649253905e-01f, 7.976260781e-01f})
    r = fma(r, t, all(k));
  return fma(r, x, all(.5f));
}
// exp for arguments <= 0.
inline vec exp_(vec x) {
  x = _mm512_max_ps(x, all(-80.f)) * all(1.44269504f);
  const vec n = _mm512_roundscale_ps(x, 0), f = x - n;
  vec r = all(1.3398874e-3f);
  for (float k : {9.6184373e-3f, 5.5503324e-2f, 2.4022648e-1f, 6.9314720e-1f, 1.f}) r = fma(r, f, all(k));
  return _mm512_scalef_ps(r, n);
}

// The tile intrinsics do not tell the compiler which memory they touch.
inline void fence(const void* p = nullptr) { asm volatile("" : : "r"(p) : "memory"); }

struct tiles {  // AMX is switched on for one scope: eight tiles of 16 rows x 64 bytes
  tiles() {
    static const long allowed = syscall(SYS_arch_prctl, 0x1023, 18);
    (void)allowed;
    alignas(64) uint8_t config[64] = {1};
    for (int i = 0; i < 8; ++i) {
      config[16 + 2 * i] = 64;
      config[48 + i] = 16;
    }
    fence(config);
    _tile_loadconfig(config);
  }
  ~tiles() { _tile_release(); }
};

// A right operand (k x n, element (i, j) = w[i * si + j * sj]) as AMX tiles, k padded to 32 with zeros.
struct packed {
  int kt, nt;
  std::vector<bf> data;
  packed(const float* w, int k, int n, int si, int sj) : kt((k + 31) / 32), nt(n / 16), data(kt * nt * 512, 0) {
    for (int i = 0; i < k; ++i)
      for (int j = 0; j < n; ++j) {
        uint32_t u;
        std::memcpy(&u, &w[i * si + j * sj], 4);
        u += 0x7fff + ((u >> 16) & 1);
        data[((j / 16 * kt + i / 32) * 16 + i % 32 / 2) * 32 + j % 16 * 2 + i % 2] = bf(u >> 16);
      }
  }
};

// c (rows x n) = a (rows x k) * b; rows is a multiple of 32, a's columns reach the padded k.
inline void product(const bf* a, int lda, const packed& b, float* c, int ldc, int rows) {
  fence(a);
  for (int r = 0; r < rows; r += 32)
    for (int n = 0; n < b.nt; ++n) {
      _tile_zero(0);
      _tile_zero(1);
      for (int k = 0; k < b.kt; ++k) {
        _tile_loadd(4, a + r * lda + k * 32, lda * 2);
        _tile_loadd(5, a + (r + 16) * lda + k * 32, lda * 2);
        _tile_loadd(6, b.data.data() + (n * b.kt + k) * 512, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 5, 6);
      }
      _tile_stored(0, c + r * ldc + n * 16, ldc * 4);
      _tile_stored(1, c + (r + 16) * ldc + n * 16, ldc * 4);
    }
  fence(c);
}

// Rows taken in pairs, (rows / 2) x cols words of two bfloat16.
inline void pairs(const bf* a, int lda, int cols, uint32_t* out, int rows) {
  for (int p = 0; p < rows / 2; ++p)
    for (int c = 0; c < cols; c += 16) {
      const __m512i lo = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)(a + 2 * p * lda + c)));
      const __m512i hi = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)(a + (2 * p + 1) * lda + c)));
      _mm512_storeu_si512(out + p * cols + c, _mm512_or_si512(lo, _mm512_slli_epi32(hi, 16)));
    }
}

// c (48 x n) += transposed(a) (48 x rows) * b (rows x n): the gradient of a weight matrix.
inline void outer(const bf* a, int lda, const bf* b, int ldb, int n, float* c, int rows) {
  alignas(64) static thread_local uint32_t pa[R / 2 * C], at[C * R / 2], pb[R / 2 * D];
  const int half = rows / 2;
  pairs(a, lda, C, pa, rows);
  for (int j = 0; j < C; ++j)
    for (int p = 0; p < half; ++p) at[j * half + p] = pa[p * C + j];
  pairs(b, ldb, n, pb, rows);
  fence(at);
  for (int t = 0; t < n; t += 16) {
    _tile_loadd(0, c + t, n * 4);
    _tile_loadd(1, c + 16 * n + t, n * 4);
    _tile_loadd(2, c + 32 * n + t, n * 4);
    for (int k = 0; k < rows / 32; ++k) {
      _tile_loadd(6, pb + k * 16 * n + t, n * 4);
      _tile_loadd(3, at + k * 16, half * 4);
      _tile_dpbf16ps(0, 3, 6);
      _tile_loadd(4, at + 16 * half + k * 16, half * 4);
      _tile_dpbf16ps(1, 4, 6);
      _tile_loadd(5, at + 32 * half + k * 16, half * 4);
      _tile_dpbf16ps(2, 5, 6);
    }
    _tile_stored(0, c + t, n * 4);
    _tile_stored(1, c + 16 * n + t, n * 4);
    _tile_stored(2, c + 32 * n + t, n * 4);
  }
  fence(c);
}

// Layer norm of one row of 48: writes xhat (float) and the scaled bfloat16 row; returns 1 / deviation.
inline float norm_row(const float* x, const float* g, const float* b, float* hat, bf* out) {
  vec a[3];
  for (int i = 0; i < 3; ++i) a[i] = ld(x + 16 * i);
  const vec mean = all(total(a[0] + a[1] + a[2]) / C);
  for (vec& v : a) v = v - mean;
  const float rstd = 1.f / __builtin_sqrtf(total(a[0] * a[0] + a[1] * a[1] + a[2] * a[2]) / C + 1e-5f);
  for (int i = 0; i < 3; ++i) {
    const vec h = a[i] * all(rstd);
    st(hat + 16 * i, h);
    st(out + 16 * i, fma(h, ld(g + 16 * i), ld(b + 16 * i)));
  }
  return rstd;
}

// Backward of norm_row: dx = dy + gradient through the norm; adds to the gradients of scale and shift.
inline void norm_row_back(const float* dn, const float* hat, float rstd, const float* g, const float* dy, float* dx, float* dg,
                          float* db) {
  vec a[3], h[3];
  vec s = all(0), q = all(0);
  for (int i = 0; i < 3; ++i) {
    const vec d = ld(dn + 16 * i);
    h[i] = ld(hat + 16 * i);
    st(dg + 16 * i, fma(d, h[i], ld(dg + 16 * i)));
    st(db + 16 * i, ld(db + 16 * i) + d);
    a[i] = d * ld(g + 16 * i);
    s = s + a[i];
    q = fma(a[i], h[i], q);
  }
  const vec ms = all(total(s) / C), mq = all(total(q) / C);
  for (int i = 0; i < 3; ++i) st(dx + 16 * i, fma(a[i] - ms - h[i] * mq, all(rstd), ld(dy + 16 * i)));
}
