#include "metrics.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace examples {
namespace {

constexpr std::size_t window = 11;
constexpr std::size_t moments = 5;  // a, b, aa, bb, ab
constexpr double c1 = (0.01 * 255.0) * (0.01 * 255.0);
constexpr double c2 = (0.03 * 255.0) * (0.03 * 255.0);

std::array<double, window> gaussian() {
  std::array<double, window> weights{};
  double sum = 0.0;
  for (std::size_t i = 0; i < window; ++i) {
    const double d = static_cast<double>(i) - 5.0;
    weights[i] = std::exp(-d * d / (2.0 * 1.5 * 1.5));
    sum += weights[i];
  }
  for (double& w : weights) {
    w /= sum;
  }
  return weights;
}

/// Row y of both pictures' luma, weighted sums of its five moments along x: out [moments, columns].
void filter_row(const image& a, const image& b, std::size_t y, std::size_t border, std::size_t columns,
                const std::array<double, window>& weights, double* out) {
  const std::size_t width = columns + window - 1;
  std::vector<double> la(width);
  std::vector<double> lb(width);
  for (std::size_t x = 0; x < width; ++x) {
    la[x] = luma(a, y, border + x);
    lb[x] = luma(b, y, border + x);
  }
  for (std::size_t x = 0; x < columns; ++x) {
    std::array<double, moments> sum{};
    for (std::size_t k = 0; k < window; ++k) {
      const double u = la[x + k];
      const double v = lb[x + k];
      sum[0] += weights[k] * u;
      sum[1] += weights[k] * v;
      sum[2] += weights[k] * u * u;
      sum[3] += weights[k] * v * v;
      sum[4] += weights[k] * u * v;
    }
    for (std::size_t m = 0; m < moments; ++m) {
      out[m * columns + x] = sum[m];
    }
  }
}

double similarity(const std::array<double, moments>& m) noexcept {
  const double mean_product = m[0] * m[1];
  const double mean_squares = m[0] * m[0] + m[1] * m[1];
  const double variances = m[2] + m[3] - mean_squares;
  const double covariance = m[4] - mean_product;
  return (2.0 * mean_product + c1) * (2.0 * covariance + c2) / ((mean_squares + c1) * (variances + c2));
}

}  // namespace

double luma(const image& picture, std::size_t y, std::size_t x) noexcept {
  const bool grey = picture.channels < 3;
  const double r = picture.sample8(y, x, 0);
  const double g = grey ? r : picture.sample8(y, x, 1);
  const double b = grey ? r : picture.sample8(y, x, 2);
  return 16.0 + (65.481 * r + 128.553 * g + 24.966 * b) / 255.0;
}

double psnr_luma(const image& a, const image& b, std::size_t border) {
  if (a.height <= 2 * border || a.width <= 2 * border) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  double sum = 0.0;
  for (std::size_t y = border; y < a.height - border; ++y) {
    for (std::size_t x = border; x < a.width - border; ++x) {
      const double d = luma(a, y, x) - luma(b, y, x);
      sum += d * d;
    }
  }
  const double count = static_cast<double>((a.height - 2 * border) * (a.width - 2 * border));
  return sum == 0.0 ? std::numeric_limits<double>::infinity() : 10.0 * std::log10(255.0 * 255.0 * count / sum);
}

double ssim_luma(const image& a, const image& b, std::size_t border) {
  if (a.height < 2 * border + window || a.width < 2 * border + window) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  const std::array<double, window> weights = gaussian();
  const std::size_t rows = a.height - 2 * border;
  const std::size_t columns = a.width - 2 * border - window + 1;
  std::vector<double> ring(window * moments * columns);
  double sum = 0.0;
  for (std::size_t y = 0; y < rows; ++y) {
    filter_row(a, b, border + y, border, columns, weights, ring.data() + (y % window) * moments * columns);
    if (y + 1 < window) {
      continue;
    }
    for (std::size_t x = 0; x < columns; ++x) {
      std::array<double, moments> m{};
      for (std::size_t k = 0; k < window; ++k) {
        const double* row = ring.data() + ((y + 1 + k) % window) * moments * columns;
        for (std::size_t i = 0; i < moments; ++i) {
          m[i] += weights[k] * row[i * columns + x];
        }
      }
      sum += similarity(m);
    }
  }
  return sum / static_cast<double>(columns * (rows - window + 1));
}

}  // namespace examples
