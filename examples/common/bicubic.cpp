#include "bicubic.hpp"

#include <algorithm>
#include <cmath>

namespace examples {
namespace {

constexpr std::size_t nothing = static_cast<std::size_t>(-1);

double keys(double x) noexcept {
  const double t = std::abs(x);
  if (t <= 1.0) {
    return (1.5 * t - 2.5) * t * t + 1.0;
  }
  return t < 2.0 ? ((-0.5 * t + 2.5) * t - 4.0) * t + 2.0 : 0.0;
}

/// Mirror image of a position outside [0, size), the edge sample repeated: -1 -> 0, size -> size - 1.
std::size_t mirrored(long long position, std::size_t size) noexcept {
  const auto n = static_cast<long long>(size);
  const long long period = 2 * n;
  const long long folded = ((position % period) + period) % period;
  return static_cast<std::size_t>(folded < n ? folded : period - 1 - folded);
}

}  // namespace

resample_taps bicubic_taps(std::size_t from, std::size_t to) {
  const double ratio = static_cast<double>(from) / static_cast<double>(to);
  const double widening = std::max(ratio, 1.0);
  resample_taps taps;
  taps.count = static_cast<std::size_t>(std::ceil(4.0 * widening)) + 1;
  taps.index.resize(to * taps.count);
  taps.weight.resize(to * taps.count);
  std::vector<double> row(taps.count);
  for (std::size_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * ratio - 0.5;
    const auto first = static_cast<long long>(std::ceil(centre - 2.0 * widening));
    double sum = 0.0;
    for (std::size_t k = 0; k < taps.count; ++k) {
      row[k] = keys((centre - static_cast<double>(first + static_cast<long long>(k))) / widening);
      sum += row[k];
    }
    for (std::size_t k = 0; k < taps.count; ++k) {
      taps.index[i * taps.count + k] = mirrored(first + static_cast<long long>(k), from);
      taps.weight[i * taps.count + k] = static_cast<float>(row[k] / sum);
    }
  }
  return taps;
}

bicubic_rows::bicubic_rows(const image& source, std::size_t height, std::size_t width)
    : source_(&source),
      width_(width),
      vertical_(bicubic_taps(source.height, height)),
      horizontal_(bicubic_taps(source.width, width)),
      ring_((vertical_.count + 1) * width * source.channels),
      ring_rows_(vertical_.count + 1, nothing),
      line_(source.width * source.channels) {}

const float* bicubic_rows::filtered(std::size_t source_row) {
  const std::size_t channels = source_->channels;
  const std::size_t slot = source_row % ring_rows_.size();
  float* out = ring_.data() + slot * width_ * channels;
  if (ring_rows_[slot] == source_row) {
    return out;
  }
  ring_rows_[slot] = source_row;
  for (std::size_t x = 0; x < source_->width; ++x) {
    for (std::size_t c = 0; c < channels; ++c) {
      line_[x * channels + c] = source_->sample(source_row, x, c);
    }
  }
  const std::size_t count = horizontal_.count;
  for (std::size_t x = 0; x < width_; ++x) {
    for (std::size_t c = 0; c < channels; ++c) {
      float sum = 0.0F;
      for (std::size_t k = 0; k < count; ++k) {
        sum += horizontal_.weight[x * count + k] * line_[horizontal_.index[x * count + k] * channels + c];
      }
      out[x * channels + c] = sum;
    }
  }
  return out;
}

void bicubic_rows::row(std::size_t y, float* out) {
  const std::size_t values = row_values();
  std::fill(out, out + values, 0.0F);
  for (std::size_t k = 0; k < vertical_.count; ++k) {
    const float weight = vertical_.weight[y * vertical_.count + k];
    if (weight == 0.0F) {
      continue;
    }
    const float* line = filtered(vertical_.index[y * vertical_.count + k]);
    for (std::size_t i = 0; i < values; ++i) {
      out[i] += weight * line[i];
    }
  }
}

image bicubic(const image& source, std::size_t height, std::size_t width) {
  image out(height, width, source.channels, source.bit_depth);
  out.icc = source.icc;
  bicubic_rows rows(source, height, width);
  std::vector<float> line(rows.row_values());
  for (std::size_t y = 0; y < height; ++y) {
    rows.row(y, line.data());
    quantise(line.data(), line.size(), out.bit_depth, out.row(y));
  }
  return out;
}

}  // namespace examples
