#pragma once

#include <cstddef>
#include <vector>

#include "image.hpp"

namespace examples {

/// Which source samples make one target sample along one axis, and how much of each.
struct resample_taps {
  std::size_t count = 0;           ///< taps per target sample
  std::vector<std::size_t> index;  ///< [targets, count]
  std::vector<float> weight;       ///< [targets, count]; each row sums to one
};

/// Bicubic taps (Keys' kernel with a = -1/2) between `from` source and `to` target samples, pixel centres at half integers.
///
/// On down-scaling the kernel is widened by from/to, so that it removes what the target cannot hold; beyond the border the
/// picture is mirrored with the edge sample repeated. These are the rules of the super-resolution benchmarks (MATLAB's
/// `imresize`). Keys, "Cubic convolution interpolation for digital image processing" (1981), eq. 15.
resample_taps bicubic_taps(std::size_t from, std::size_t to);

/// A picture resized by the bicubic rule, one row at a time. Rows may be asked for in any order; in increasing order every
/// source row is filtered once. Memory: a few filtered rows.
class bicubic_rows {
 public:
  /// `source` must outlive this object.
  bicubic_rows(const image& source, std::size_t height, std::size_t width);

  std::size_t row_values() const noexcept { return width_ * source_->channels; }

  /// Writes row y [width, channels] in the scale of [0, 1]; bicubic overshoot is not clamped.
  void row(std::size_t y, float* out);

 private:
  const float* filtered(std::size_t source_row);

  const image* source_;
  std::size_t width_;
  resample_taps vertical_;
  resample_taps horizontal_;
  std::vector<float> ring_;             // [slots, width, channels]
  std::vector<std::size_t> ring_rows_;  // source row that a slot holds, or npos
  std::vector<float> line_;             // one source row in floats
};

/// The whole picture resized and rounded to its own bit depth; the colour profile is kept.
image bicubic(const image& source, std::size_t height, std::size_t width);

}  // namespace examples
