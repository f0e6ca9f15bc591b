/// @file
/// `masking`: which tokens a masked auto-encoder hides, the rows that stay, and the way back with a mask token.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "../attention/token_grid.hpp"
#include "../core/fixed_string.hpp"
#include "kept.hpp"
#include "source_map.hpp"

namespace heddle::inline v0 {

/// Random numbers that are the same everywhere (splitmix64; Steele, Lea, Flood 2014). One generator makes one mask after
/// another.
struct mask_random {
  std::uint64_t state = 0;

  constexpr std::uint64_t next() noexcept {
    state += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  /// A number below `n`, all alike: what a remainder would prefer is thrown away.
  constexpr std::uint64_t below(std::uint64_t n) noexcept {
    const std::uint64_t limit = n == 0 ? 0 : ~std::uint64_t{0} / n * n;
    std::uint64_t x = next();
    while (x >= limit && limit != 0) x = next();
    return n == 0 ? 0 : x % n;
  }
};

namespace detail {
/// What `draw_mask` does, of no more than there are.
HEDDLE_HOST_DEVICE constexpr void fill_mask(mask_random& random, std::size_t masked, std::uint8_t* mask,
                                            std::size_t tokens) noexcept {
  for (std::size_t i = 0; i < tokens; ++i) {  // selection sampling: what is wanted of what is left
    mask[i] = random.below(tokens - i) < masked ? 1 : 0;
    masked -= mask[i];
  }
}
}  // namespace detail

/// Sets `masked` entries of `mask` to 1 and the others to 0; every choice is as likely as any other. No memory is taken.
/// @throws shape_error for more than there are
inline void draw_mask(mask_random& random, std::size_t masked, std::span<std::uint8_t> mask) {
  if (masked > mask.size()) detail::raise_shape("draw_mask: masked", "tokens at most", mask.size(), masked);
  detail::fill_mask(random, masked, mask.data(), mask.size());
}

/// A share of `n`, a fraction as the papers' code has it: rounded down or up.
enum class mask_rounding { down, up };
constexpr std::size_t masked_count(ratio share, std::size_t n, mask_rounding rounding) noexcept {
  const std::size_t exact = n * share.numerator;
  return rounding == mask_rounding::down ? exact / share.denominator : (exact + share.denominator - 1) / share.denominator;
}

namespace detail {
/// What patterns share: checks, then `fill`, which devices call too.
template <class Pattern>
struct drawn_pattern {
  /// @throws shape_error for a grid that the pattern does not fit
  static void draw(mask_random& random, const token_grid& grid, std::span<std::uint8_t> mask) {
    if constexpr (requires { Pattern::check(grid); }) Pattern::check(grid);
    require_extent("masking: mask", "tokens", grid.size(), mask.size());
    Pattern::fill(random, grid, mask.data());
  }
};
}  // namespace detail

/// Tokens of all frames, drawn at random.
template <ratio Share, mask_rounding Rounding = mask_rounding::down>
struct random_pattern : detail::drawn_pattern<random_pattern<Share, Rounding>> {
  static constexpr std::size_t masked(const token_grid& grid) noexcept { return masked_count(Share, grid.size(), Rounding); }
  HEDDLE_HOST_DEVICE static constexpr void fill(mask_random& random, const token_grid& grid, std::uint8_t* mask) noexcept {
    detail::fill_mask(random, masked(grid), mask, grid.size());
  }
};

/// Squares of `Unit` x `Unit` tokens, drawn at random and hidden whole, `ceil(share * squares)` of them (SimMIM, Xie et al.,
/// arXiv 2111.09886: 32 pixels, share 0.6). Every frame has its own; the sides must be multiples of `Unit`.
template <ratio Share, std::size_t Unit>
struct square_pattern : detail::drawn_pattern<square_pattern<Share, Unit>> {
  static_assert(Unit > 0, "heddle::square_pattern: the side of a square must be positive");
  static constexpr std::size_t masked(const token_grid& grid) noexcept {
    return grid.frames * masked_count(Share, (grid.height / Unit) * (grid.width / Unit), mask_rounding::up) * Unit * Unit;
  }
  static void check(const token_grid& grid) {
    require_extent("square_pattern", "rows, a multiple of the square,", grid.height / Unit * Unit, grid.height);
    require_extent("square_pattern", "columns, a multiple of the square,", grid.width / Unit * Unit, grid.width);
  }
  HEDDLE_HOST_DEVICE static constexpr void fill(mask_random& random, const token_grid& grid, std::uint8_t* mask) noexcept {
    const std::size_t columns = grid.width / Unit;
    const std::size_t squares = grid.height / Unit * columns;
    for (std::size_t t = 0; t < grid.frames; ++t) {
      std::uint8_t* const frame = mask + t * grid.height * grid.width;
      std::size_t left = masked_count(Share, squares, mask_rounding::up);
      for (std::size_t i = 0; i < squares; ++i) {
        const bool hidden = random.below(squares - i) < left;
        left -= hidden ? 1 : 0;
        for (std::size_t y = 0; y < Unit; ++y)
          for (std::size_t x = 0; x < Unit; ++x)
            frame[(i / columns * Unit + y) * grid.width + i % columns * Unit + x] = hidden ? 1 : 0;
      }
    }
  }
};

/// The same tokens of every frame, drawn at random (VideoMAE, Tong et al., arXiv 2203.12602).
template <ratio Share>
struct tube_pattern : detail::drawn_pattern<tube_pattern<Share>> {
  static constexpr std::size_t masked(const token_grid& grid) noexcept {
    return grid.frames * masked_count(Share, grid.height * grid.width, mask_rounding::down);
  }
  HEDDLE_HOST_DEVICE static constexpr void fill(mask_random& random, const token_grid& grid, std::uint8_t* mask) noexcept {
    const std::size_t frame = grid.height * grid.width;
    if (grid.frames == 0) return;
    detail::fill_mask(random, masked_count(Share, frame, mask_rounding::down), mask, frame);
    for (std::size_t i = frame; i < grid.size(); ++i) mask[i] = mask[i - frame];
  }
};

/// Cells of 2 x 2 tokens of which `floor(4 share)` are hidden; which ones runs on from frame to frame (VideoMAE V2, Wang et
/// al., arXiv 2303.16727, section 3.2): in frame t of phase p, token c of a cell is hidden where `(c + p + t + 1) mod 4` is
/// below that number. Both sides must be even; the phase is drawn, or set.
template <ratio Share>
struct running_cell_pattern : detail::drawn_pattern<running_cell_pattern<Share>> {
  static constexpr std::size_t hidden = masked_count(Share, 4, mask_rounding::down);
  static_assert(hidden > 0 && hidden < 4, "heddle::running_cell_pattern: a cell of four hides one, two or three");

  static constexpr std::size_t masked(const token_grid& grid) noexcept { return grid.size() / 4 * hidden; }
  static void check(const token_grid& grid) {
    require_extent("running_cell_pattern", "rows, an even number,", grid.height / 2 * 2, grid.height);
    require_extent("running_cell_pattern", "columns, an even number,", grid.width / 2 * 2, grid.width);
  }
  static void set(std::size_t phase, const token_grid& grid, std::span<std::uint8_t> mask) {
    check(grid);
    require_extent("masking: mask", "tokens", grid.size(), mask.size());
    fill_phase(phase, grid, mask.data());
  }
  HEDDLE_HOST_DEVICE static constexpr void fill(mask_random& random, const token_grid& grid, std::uint8_t* mask) noexcept {
    fill_phase(static_cast<std::size_t>(random.below(4)), grid, mask);
  }

 private:
  HEDDLE_HOST_DEVICE static constexpr void fill_phase(std::size_t phase, const token_grid& grid, std::uint8_t* mask) noexcept {
    std::size_t i = 0;
    for (std::size_t t = 0; t < grid.frames; ++t)
      for (std::size_t y = 0; y < grid.height; ++y)
        for (std::size_t x = 0; x < grid.width; ++x) mask[i++] = (y % 2 * 2 + x % 2 + phase + t + 1) % 4 < hidden ? 1 : 0;
  }
};

/// What one sequence hides. Views of the caller's memory.
struct mask_plan {
  std::span<std::uint8_t> mask{};     ///< `[tokens]`, 1: hidden
  std::span<std::int32_t> visible{};  ///< positions of the others, in order
  std::span<std::int32_t> hidden{};   ///< positions of the hidden ones, in order
};

namespace detail {

/// Lists the tokens that a mask hides, and the others.
HEDDLE_HOST_DEVICE constexpr void list_mask(const std::uint8_t* mask, std::size_t tokens, std::int32_t* visible,
                                            std::int32_t* hidden) noexcept {
  std::size_t seen = 0;
  std::size_t unseen = 0;
  for (std::size_t i = 0; i < tokens; ++i) {
    if (mask[i] != 0) {
      hidden[unseen++] = static_cast<std::int32_t>(i);
    } else {
      visible[seen++] = static_cast<std::int32_t>(i);
    }
  }
}
/// Draws a plan: one number follows from another, so one thread does it.
template <class Pattern>
struct draw_plan {
  mask_random* random;
  token_grid grid;
  std::uint8_t* mask;
  std::int32_t* visible;
  std::int32_t* hidden;
  HEDDLE_HOST_DEVICE void operator()(std::size_t) const {
    mask_random own = *random;
    Pattern::fill(own, grid, mask);
    *random = own;
    list_mask(mask, grid.size(), visible, hidden);
  }
};
/// One number of a row that may be hidden.
struct substitute_element {
  const std::uint8_t* mask;
  const float* token;
  matrix_view<float> x;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    const std::size_t row = i / x.extent(1);
    const std::size_t column = i % x.extent(1);
    if (mask[row] != 0) x.data_handle()[row * x.stride(0) + column] = token[column];
  }
};

}  // namespace detail

/// Hides tokens of a sequence as `Pattern` says (`random_pattern`, `square_pattern`, `tube_pattern`, `running_cell_pattern`, or
/// a struct with their two functions). How many is known from the grid, so that the memory is, too.
///
/// An encoder that sees the visible tokens alone runs on `apply`; the decoder gets them back among mask tokens by `invert`. An
/// encoder that sees all (SimMIM) replaces the hidden rows by `substitute_rows`.
template <class Pattern>
struct masking {
  static constexpr std::size_t masked(const token_grid& grid) { return Pattern::masked(grid); }
  static constexpr std::size_t plan_bytes(const token_grid& grid) {
    return scratch_bytes<std::uint8_t>(grid.size()) + scratch_bytes<std::int32_t>(grid.size() - masked(grid)) +
           scratch_bytes<std::int32_t>(masked(grid));
  }

  /// @throws workspace_error, shape_error for a grid that the pattern does not fit
  static mask_plan plan(mask_random& random, const token_grid& grid, arena& memory) {
    const mask_plan p = take(grid, memory);
    Pattern::draw(random, grid, p.mask);
    detail::list_mask(p.mask.data(), p.mask.size(), p.visible.data(), p.hidden.data());
    return p;
  }
  /// The same where the backend has its memory: the generator lies there, too, and goes on with every call (in a graph with every
  /// launch of it). `Pattern` needs `fill`, which device code can call.
  /// @throws workspace_error, shape_error for a grid that the pattern does not fit
  template <class Backend>
  static mask_plan plan(context<Backend> ctx, mask_random* random, const token_grid& grid, arena& memory) {
    if constexpr (requires { Pattern::check(grid); }) Pattern::check(grid);
    const mask_plan p = take(grid, memory);
    each(ctx, 1, detail::draw_plan<Pattern>{random, grid, p.mask.data(), p.visible.data(), p.hidden.data()});
    return p;
  }

  /// The visible rows: `y` `[visible, channels]`.
  template <class Backend>
  static void apply(context<Backend> ctx, const mask_plan& p, matrix_view<const float> x, matrix_view<float> y) {
    keep_rows(ctx, p.visible, x, y);
  }
  /// The visible rows at their places, the mask token (empty: zeros) at all others.
  template <class Backend>
  static void invert(context<Backend> ctx, const mask_plan& p, matrix_view<const float> x, std::span<const float> mask_token,
                     matrix_view<float> y) {
    put_back_rows(ctx, p.visible, x, mask_token, y);
  }
  /// Where the tokens went. @throws shape_error for another number of tokens
  static void follow_tokens(const mask_plan& p, const source_map& map, std::size_t b) { set_kept(map, b, p.visible); }
  /// The same where the backend has its memory.
  template <class Backend>
  static void follow_tokens(context<Backend> ctx, const mask_plan& p, const source_map& map, std::size_t b) {
    set_kept(ctx, map, b, p.visible);
  }

 private:
  static mask_plan take(const token_grid& grid, arena& memory) {
    mask_plan p;
    p.mask = {memory.take<std::uint8_t>(grid.size()), grid.size()};
    p.visible = {memory.take<std::int32_t>(grid.size() - masked(grid)), grid.size() - masked(grid)};
    p.hidden = {memory.take<std::int32_t>(masked(grid)), masked(grid)};
    return p;
  }
};

/// Hidden rows of `x` become the mask token; `mask` `[rows]`, not 0: hidden. @throws shape_error before any work
inline void substitute_rows(std::span<const std::uint8_t> mask, std::span<const float> mask_token, matrix_view<float> x) {
  require_extent("substitute_rows: mask", "tokens", x.extent(0), mask.size());
  require_extent("substitute_rows: mask_token", "channels", x.extent(1), mask_token.size());
  for (std::size_t r = 0; r < mask.size(); ++r)
    if (mask[r] != 0)
      for (std::size_t c = 0; c < mask_token.size(); ++c) x(r, c) = mask_token[c];
}

/// The same where the backend has its memory. @throws shape_error before any work
template <class Backend>
void substitute_rows(context<Backend> ctx, std::span<const std::uint8_t> mask, std::span<const float> mask_token,
                     matrix_view<float> x) {
  require_extent("substitute_rows: mask", "tokens", x.extent(0), mask.size());
  require_extent("substitute_rows: mask_token", "channels", x.extent(1), mask_token.size());
  each(ctx, x.extent(0) * x.extent(1), detail::substitute_element{mask.data(), mask_token.data(), x});
}

}  // namespace heddle::inline v0
