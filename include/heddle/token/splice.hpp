/// @file
/// Segments in sequences: prompts inserted, replaced, blended and taken out again.
#pragma once

#include <algorithm>

#include "../primitive/activation.hpp"
#include "../primitive/map.hpp"
#include "source_map.hpp"

namespace heddle::inline v0 {

namespace detail {
/// Where token i of a sequence is behind an insertion.
struct place_inserted {
  std::int32_t* positions;
  std::size_t before;
  std::size_t at;
  std::size_t tokens;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    const std::size_t place = i % before;
    positions[i] = static_cast<std::int32_t>(place < at ? place : place + tokens);
  }
};
}  // namespace detail

/// A run of tokens at one place of every sequence of a batch: prompts behind the class token, the tokens of a video between the
/// words of a question.
///
/// A segment `s` is `[tokens, channels]`, the same for every sequence, or `[batch * tokens, channels]`.
struct token_segment {
  std::size_t at = 0;  ///< place of its first token
  std::size_t tokens = 0;

  /// `y = [x up to at, s, the rest of x]`: `x` `[batch * n, channels]`, `y` `[batch * (n + tokens), channels]`, apart from `x`.
  /// @throws shape_error before any work
  template <class Backend>
  void insert(context<Backend> ctx, std::size_t batch, matrix_view<const float> x, matrix_view<const float> s,
              matrix_view<float> y) const {
    const std::size_t n = sequence("token_segment: y", batch, y) - tokens;
    require_extent("token_segment: x", "rows", batch * n, x.extent(0));
    require_segment(batch, x.extent(1), s);
    for (std::size_t b = 0; b < batch; ++b) {
      copy(ctx, row_range(x, b * n, at), row_range(y, b * (n + tokens), at));
      copy(ctx, segment(s, b), row_range(y, b * (n + tokens) + at, tokens));
      copy(ctx, row_range(x, b * n + at, n - at), row_range(y, b * (n + tokens) + at + tokens, n - at));
    }
  }

  /// The way back from `insert`: `x` without the segment. Also splits a sequence: `extract` gives the rest.
  template <class Backend>
  void remove(context<Backend> ctx, std::size_t batch, matrix_view<const float> y, matrix_view<float> x) const {
    const std::size_t n = sequence("token_segment: y", batch, y) - tokens;
    require_extent("token_segment: x", "rows", batch * n, x.extent(0));
    require_extent("token_segment: x", "columns", y.extent(1), x.extent(1));
    for (std::size_t b = 0; b < batch; ++b) {
      copy(ctx, row_range(y, b * (n + tokens), at), row_range(x, b * n, at));
      copy(ctx, row_range(y, b * (n + tokens) + at + tokens, n - at), row_range(x, b * n + at, n - at));
    }
  }

  /// The segment itself, `[batch * tokens, channels]`.
  template <class Backend>
  void extract(context<Backend> ctx, std::size_t batch, matrix_view<const float> y, matrix_view<float> s) const {
    const std::size_t n = sequence("token_segment: y", batch, y);
    require_extent("token_segment: segment", "rows", batch * tokens, s.extent(0));
    require_extent("token_segment: segment", "columns", y.extent(1), s.extent(1));
    for (std::size_t b = 0; b < batch; ++b) copy(ctx, row_range(y, b * n + at, tokens), row_range(s, b * tokens, tokens));
  }

  /// The tokens of the segment become `s`; the others stay. In place: deep prompts, and vectors of a video in the places that
  /// the text kept free.
  template <class Backend>
  void replace(context<Backend> ctx, std::size_t batch, matrix_view<const float> s, matrix_view<float> y) const {
    const std::size_t n = sequence("token_segment: y", batch, y);
    require_segment(batch, y.extent(1), s);
    for (std::size_t b = 0; b < batch; ++b) copy(ctx, segment(s, b), row_range(y, b * n + at, tokens));
  }

  /// The tokens of the segment become `(1 - alpha) y + alpha s`: progressive prompts, where a layer's prompts keep a share of
  /// what the layer before made of its own.
  template <class Backend>
  void blend(context<Backend> ctx, std::size_t batch, matrix_view<const float> s, float alpha, matrix_view<float> y) const {
    const std::size_t n = sequence("token_segment: y", batch, y);
    require_segment(batch, y.extent(1), s);
    for (std::size_t b = 0; b < batch; ++b) {
      const auto part = row_range(y, b * n + at, tokens);
      map(ctx, as_const(part), segment(s, b), part, mixture{alpha});
    }
  }

  /// Where the tokens of sequences of `positions.before` tokens are behind `insert`.
  template <class Isa = isa::native>
  void set_inserted(source_map& positions) const {
    positions.after = positions.before + tokens;
    const detail::place_inserted place{positions.positions, positions.before, at, tokens};
    for (std::size_t i = 0; i < positions.batch * positions.before; ++i) place(i);
  }
  /// The same where the backend has its memory.
  template <class Backend>
  void set_inserted(context<Backend> ctx, source_map& positions) const {
    positions.after = positions.before + tokens;
    each(ctx, positions.batch * positions.before, detail::place_inserted{positions.positions, positions.before, at, tokens});
  }

  /// Public, as device code names it.
  struct mixture {
    float alpha;
    template <class T>
    HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE T operator()(T a, T b) const noexcept {
      return a * T(1.0F - alpha) + b * T(alpha);
    }
  };

 private:
  /// Tokens of a sequence that holds the segment.
  template <class View>
  std::size_t sequence(const char* name, std::size_t batch, const View& y) const {
    if (batch == 0 || y.extent(0) % batch != 0 || y.extent(0) / batch < at + tokens)
      detail::raise<shape_error>(std::string(name) + ": expected " + std::to_string(batch) + " sequences of at least " +
                                 std::to_string(at + tokens) + " tokens, got " + std::to_string(y.extent(0)) + " rows");
    return y.extent(0) / batch;
  }
  void require_segment(std::size_t batch, std::size_t channels, const matrix_view<const float>& s) const {
    if (s.extent(0) != tokens) require_extent("token_segment: segment", "rows", batch * tokens, s.extent(0));
    require_extent("token_segment: segment", "columns", channels, s.extent(1));
  }
  matrix_view<const float> segment(const matrix_view<const float>& s, std::size_t b) const {
    return s.extent(0) == tokens ? s : row_range(s, b * tokens, tokens);
  }
  template <class Backend>
  static void copy(context<Backend> ctx, const matrix_view<const float>& x, const matrix_view<float>& y) {
    if (!x.empty()) map(ctx, x, y, identity{});
  }
};

}  // namespace heddle::inline v0
