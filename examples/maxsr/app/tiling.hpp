#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace maxsr_app {

/// No tile handed to a network has a side below this; smaller pictures are continued by reflection and the result is cropped.
inline constexpr std::size_t smallest_side = 16;

/// How a picture is cut. Lengths are in pixels of the small picture.
///
/// Neighbouring tiles overlap by at least 2 * margin + ramp pixels. The outer `margin` pixels of a tile are never used where
/// another tile covers them, and across the `ramp` pixels in the middle of the overlap one tile fades into the next. So:
/// - a network that looks at most `margin` pixels far gives the same result in tiles as on the whole picture (up to rounding);
/// - a network that sees its whole tile, as MaxSR does, gives no step anywhere: the result changes from one tile's reading to
/// the
///   next over `ramp` pixels.
struct tile_options {
  std::size_t side = 64;
  std::size_t margin = 2;
  std::size_t ramp = 4;

  std::size_t overlap() const noexcept { return 2 * margin + ramp; }
  /// Two fades must not meet inside one tile: the distance of neighbouring tiles can fall to half of side - overlap.

  bool valid() const noexcept { return ramp > 0 && side >= smallest_side && side >= overlap() + 2 * ramp + 2; }
};

/// The tiles along one axis: equally long, evenly spread, the first at 0 and the last flush with the end.
class tile_axis {
 public:
  /// Precondition: length > 0 and options.valid().
  tile_axis(std::size_t length, const tile_options& options, std::size_t scale)
      : length_(length), side_(std::clamp(length, smallest_side, options.side)), scale_(scale), ramp_(options.ramp) {
    const std::size_t rest = length > side_ ? length - side_ : 0;
    const std::size_t step = options.side - options.overlap();
    const std::size_t gaps = (rest + step - 1) / step;
    starts_.push_back(0);
    for (std::size_t i = 1; i <= gaps; ++i) {
      starts_.push_back(rest * i / gaps);
    }
  }

  std::size_t length() const noexcept { return length_; }
  std::size_t side() const noexcept { return side_; }
  std::size_t count() const noexcept { return starts_.size(); }
  std::size_t start(std::size_t tile) const noexcept { return starts_[tile]; }

  /// First enlarged pixel of the zone in which tile `tile - 1` fades into `tile`; 0 before the first tile.
  std::size_t fade_begin(std::size_t tile) const noexcept {
    if (tile == 0) {
      return 0;
    }
    const std::size_t twice_centre = scale_ * (starts_[tile] + starts_[tile - 1] + side_);
    return (twice_centre - scale_ * ramp_) / 2;
  }

  /// One past the last enlarged pixel of that zone; 0 before the first tile.
  std::size_t fade_end(std::size_t tile) const noexcept { return tile == 0 ? 0 : fade_begin(tile) + scale_ * ramp_; }

  /// Enlarged pixels [begin(t), end(t)) take part of tile t; the whole axis ends at scale * length.
  std::size_t begin(std::size_t tile) const noexcept { return fade_begin(tile); }
  std::size_t end(std::size_t tile) const noexcept { return tile + 1 < count() ? fade_end(tile + 1) : scale_ * length_; }

  /// Share of tile `tile` against its predecessor at an enlarged position inside their zone: 3 t^2 - 2 t^3, smooth at both
  /// ends. The shares of both add up to one.
  float share(std::size_t tile, std::size_t position) const noexcept {
    const float t = (static_cast<float>(position - fade_begin(tile)) + 0.5F) / static_cast<float>(scale_ * ramp_);
    return t * t * (3.0F - 2.0F * t);
  }

 private:
  std::size_t length_;
  std::size_t side_;
  std::size_t scale_;
  std::size_t ramp_;
  std::vector<std::size_t> starts_;
};

/// Position of a sample beyond the end of an axis, mirrored at the last sample (which is not repeated): length -> length - 2.
/// Repeats for any distance, so an axis of one sample works too.
inline std::size_t reflected(std::size_t position, std::size_t length) noexcept {
  if (length == 1) {
    return 0;
  }
  const std::size_t folded = position % (2 * length - 2);
  return folded < length ? folded : 2 * length - 2 - folded;
}

}  // namespace maxsr_app
