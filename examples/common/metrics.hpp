#pragma once

#include <cstddef>

#include "image.hpp"

namespace examples {

/// Luma of one pixel on the scale of 16 to 235: Y = 16 + 65.481 R + 128.553 G + 24.966 B, for R, G, B in [0, 1] rounded to 8
/// bits. A grey picture counts as R = G = B; alpha is ignored.
double luma(const image& picture, std::size_t y, std::size_t x) noexcept;

/// Peak signal-to-noise ratio on luma in dB: 20 log10(255 / RMSE) over all but `border` pixels at each edge; infinite for equal
/// pictures, NaN where the border leaves nothing. Precondition: the same height and width.
double psnr_luma(const image& a, const image& b, std::size_t border);

/// Mean structural similarity on luma (11 x 11 Gaussian window, sigma 1.5, K1 = 0.01, K2 = 0.03, range 255), over the windows
/// that lie inside the picture after `border` pixels were cut from each edge; NaN where none does. Wang et al., "Image quality
/// assessment: from error visibility to structural similarity" (2004). Memory: eleven rows.
double ssim_luma(const image& a, const image& b, std::size_t border);

}  // namespace examples
