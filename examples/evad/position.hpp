/// @file
/// The fixed table of positions of VideoMAE, for clips of any size.
#pragma once

#include <cmath>
#include <vector>

#include "heddle/model/members.hpp"
#include "heddle/primitive/resample.hpp"

namespace heddle::examples {

/// `p[i, 2j] = sin(i / 10000^(2j / C))`, `p[i, 2j + 1] = cos` of the same, i over times * side * side. Made once; not stored in
/// checkpoints.
class evad_positions {
  std::size_t times_ = 0;
  std::size_t side_ = 0;
  std::size_t channels_ = 0;
  made_weights table_{};

 public:
  evad_positions() = default;
  /// Made where `backend` reads it.
  template <class Backend>
  evad_positions(const Backend& backend, std::size_t times, std::size_t side, std::size_t channels)
      : times_(times), side_(side), channels_(channels) {
    std::vector<float> table(times * side * side * channels);
    for (std::size_t i = 0; i < times * side * side; ++i)
      for (std::size_t c = 0; c < channels; ++c) {
        const double exponent = static_cast<double>(c / 2 * 2) / static_cast<double>(channels);
        const double angle = static_cast<double>(i) / std::pow(10000.0, exponent);
        table[i * channels + c] = static_cast<float>(c % 2 == 0 ? std::sin(angle) : std::cos(angle));
      }
    table_ = keep_weights(backend, std::move(table));
  }

  /// Scratch of `rows`.
  template <class Backend>
  static std::size_t bytes(const Backend& backend, std::size_t times, std::size_t side, std::size_t height, std::size_t width,
                           std::size_t channels) {
    if (height * width == side * side) return 0;
    const dynamic_extents<4> from(times, side, side, channels);
    const dynamic_extents<4> to(times, height, width, channels);
    return scratch_bytes<float>(to.size()) + resize_bytes(backend, from, to, resize_rule::bicubic<>{});
  }

  /// The rows for `height` x `width` tokens at every time, `[times * height * width, channels]`: the table itself, or each
  /// time's slice resized (bicubic) in scratch that `ctx` keeps.
  template <class Backend>
  matrix_view<const float> rows(context<Backend>& ctx, std::size_t height, std::size_t width) const {
    const std::size_t tokens = times_ * height * width;
    if (height * width == side_ * side_) return make_matrix<const float>(table_.data, tokens, channels_);
    const dynamic_extents<4> from(times_, side_, side_, channels_);
    const dynamic_extents<4> to(times_, height, width, channels_);
    const map_view<float> resized(ctx.scratch.template take<float>(to.size()), to);
    resize(ctx, map_view<const float>(table_.data, from), resized, resize_rule::bicubic<>{});
    return as_rows(map_view<const float>(resized));
  }
};

}  // namespace heddle::examples
