/// @file
/// Relative biases in the form that kernels read: rows of floats, one for each query.
#pragma once

#include <array>
#include <cstddef>
#include <limits>

#include "../backend/tags.hpp"
#include "../core/workspace.hpp"
#include "attention.hpp"

namespace heddle::inline v0 {

namespace detail {

/// Problems of up to this many tokens may be computed with queries in the lanes of vectors.
inline constexpr std::size_t short_problem = 256;
/// Rows of biases are padded to this many keys, a multiple of every vector width.
inline constexpr std::size_t bias_padding = 16;
/// Kernels compute tiles of rows: this many rows behind the last are readable.
inline constexpr std::size_t bias_extra_rows = 32;
/// Up to this many bytes the biases of all pairs are written out once; beyond, rows are made when they are needed.
inline constexpr std::size_t bias_matrix_limit = std::size_t{2} << 20U;

constexpr std::size_t padded_keys(std::size_t keys) noexcept { return (keys + bias_padding - 1) / bias_padding * bias_padding; }

/// Which modifiers of a composition are biases, and which of them follow one another: a run of biases is one sum.
template <class Composition>
struct bias_runs {
  static constexpr std::size_t modifiers = Composition::modifiers;

  template <std::size_t I>
  static constexpr bool is_bias = relative_bias<typename Composition::template modifier_type<I>>;

 private:
  template <std::size_t... I>
  static constexpr std::array<bool, modifiers + 1> flags(std::index_sequence<I...>) noexcept {
    return {is_bias<I>..., false};
  }

 public:
  static constexpr std::array<bool, modifiers + 1> biases = flags(std::make_index_sequence<modifiers>{});

  /// The run of modifier `i`: how many runs begin before or at it, less one.
  static constexpr std::size_t run_of(std::size_t i) noexcept {
    std::size_t n = 0;
    for (std::size_t j = 0; j <= i; ++j) n += biases[j] && (j == 0 || !biases[j - 1]) ? 1 : 0;
    return n - 1;
  }
  static constexpr std::size_t count = modifiers == 0 ? 0 : run_of(modifiers) + 1;
  /// The first run can be the value that the sums of products start from.
  static constexpr bool leading = biases[0];
  /// Nothing but biases: what they set to -inf stays.
  static constexpr bool only = [] {
    bool all = leading;
    for (std::size_t i = 0; i != modifiers; ++i) all = all && biases[i];
    return all;
  }();
  /// A function `f(c, score, q, k) = score + g(c, q, k)` that says so (`adds_to_pairs`) and when `g` is 0 (`silent(c)`).
  template <std::size_t I>
  static constexpr bool adds = requires { requires Composition::template modifier_type<I>::adds_to_pairs; };
  /// Biases first, then nothing but such functions: scores can start from the sum of all of them.
  static constexpr bool starts = []<std::size_t... I>(std::index_sequence<I...>) {
    return leading && count == 1 && ((is_bias<I> || adds<I>) && ...);
  }(std::make_index_sequence<modifiers>{});
  /// The first modifier of its run: where a kernel adds the run.
  static constexpr bool begins_run(std::size_t i) noexcept { return biases[i] && (i == 0 || !biases[i - 1]); }
};

/// `f(std::integral_constant<std::size_t, I>)` for every modifier.
template <class Composition, class F>
HEDDLE_ALWAYS_INLINE constexpr void each_modifier(F&& f) {
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (f(std::integral_constant<std::size_t, I>{}), ...);
  }(std::make_index_sequence<Composition::modifiers>{});
}

/// Says the policy and both windows in the compiler's message.
template <class Bias, std::size_t Depth, std::size_t Height, std::size_t Width, std::size_t WindowDepth,
          std::size_t WindowHeight, std::size_t WindowWidth>
struct bias_and_window {
  static_assert(
      Depth == WindowDepth && Height == WindowHeight && Width == WindowWidth,
      "heddle::attention: a position bias is for another window than the partition's (bias_and_window<policy, frames, rows and "
      "columns of its table, those of the window>)");
  static constexpr bool ok = true;
};

/// Whether the type of a bias names its window (`static constexpr window_extents fixed_window`).
template <class Bias>
concept fixed_bias =
    requires { typename std::integral_constant<std::size_t, Bias::fixed_window.width>; } && (Bias::fixed_window.width != dyn);
/// Whether the type of an index map knows its window.
template <class Map>
concept fixed_map = Map::static_size != dyn && requires { typename std::integral_constant<std::size_t, Map{}.window().width>; };

template <class Bias, class Map>
constexpr bool check_window() {
  if constexpr (fixed_bias<Bias> && fixed_map<Map>) {
    constexpr window_extents a = Bias::fixed_window;
    constexpr window_extents b = Map{}.window();
    return bias_and_window<Bias, a.depth, a.height, a.width, b.depth, b.height, b.width>::ok;
  }
  return true;
}

}  // namespace detail

/// The biases of a composition for one window, expanded. Memory comes from the caller.
///
/// Every relative bias becomes a table `[heads, 2d-1, 2h-1, 2w-1]` over offsets key - query (d frames, 1 for windows in
/// space), so that the row of a query is made of runs of the table; where it is small enough every run of biases also becomes
/// a matrix `[heads, queries, keys padded]` whose padding is -inf. In memory of a device (`arena::of_device`) places are only
/// taken: kernels fill the tables (`fill_entry`), there are no matrices.
///
/// `Isa` keeps the functions of translation units with different instruction sets apart.
template <class Composition, class Isa = isa::native>
class expanded_bias {
  using runs = detail::bias_runs<Composition>;
  static constexpr std::size_t tables = Composition::modifiers == 0 ? 1 : Composition::modifiers;
  static constexpr std::size_t matrices = runs::count == 0 ? 1 : runs::count;

  static_assert([]<std::size_t... I>(std::index_sequence<I...>) {
    return (detail::check_window<typename Composition::template modifier_type<I>, typename Composition::map_type>() && ...);
  }(std::make_index_sequence<Composition::modifiers>{}));

  window_extents window_{};
  std::size_t heads_ = 0;
  std::array<const float*, tables> tables_{};
  std::array<const float*, matrices> matrices_{};
  const float* columns_ = nullptr;
  bool filled_ = true;

  HEDDLE_HOST_DEVICE static constexpr std::size_t table_floats(window_extents w) noexcept {
    return (2 * w.depth - 1) * (2 * w.height - 1) * (2 * w.width - 1);
  }
  static constexpr std::size_t matrix_floats(window_extents w, std::size_t heads) noexcept {
    return (heads * w.size() + detail::bias_extra_rows) * detail::padded_keys(w.size());
  }
  /// Short problems whose scores start from biases also have them by columns.
  static constexpr bool by_columns(window_extents w, std::size_t heads) noexcept {
    return runs::starts && w.size() <= detail::short_problem && fits(w, heads);
  }
  static constexpr bool fits(window_extents w, std::size_t heads) noexcept {
    return heads * w.size() * detail::padded_keys(w.size()) * sizeof(float) <= detail::bias_matrix_limit;
  }

 public:
  /// Bytes that the constructor takes.
  static constexpr std::size_t bytes(window_extents w, std::size_t heads) noexcept {
    std::size_t n = 0;
    for (std::size_t i = 0; i != Composition::modifiers; ++i)
      if (runs::biases[i]) n += scratch_bytes<float>(heads * table_floats(w));
    if (fits(w, heads)) n += runs::count * scratch_bytes<float>(matrix_floats(w, heads));
    if (by_columns(w, heads)) n += scratch_bytes<float>(heads * w.size() * detail::padded_keys(w.size()));
    return n;
  }

  expanded_bias() = default;

  /// @throws shape_error, weight_error of the policies, before anything is written; workspace_error
  expanded_bias(const Composition& c, window_extents w, std::size_t heads, arena& memory) : window_(w), heads_(heads) {
    if constexpr (runs::count > 0) {
      detail::each_modifier<Composition>([&](auto i) {
        if constexpr (runs::template is_bias<i>) check_bias(c.template modifier<i>(), w, heads);
      });
      if (bytes(w, heads) > memory.remaining()) arena::too_small(bytes(w, heads), memory.remaining());
      detail::each_modifier<Composition>([&](auto i) {
        if constexpr (runs::template is_bias<i>) tables_[i] = make_table(c.template modifier<i>(), memory);
      });
      filled_ = memory.on_host();
      if (!filled_) return;
      if (fits(w, heads))
        for (std::size_t run = 0; run < runs::count; ++run) matrices_[run] = make_matrix(run, memory);
      if (by_columns(w, heads)) columns_ = make_columns(memory);
    }
  }

  HEDDLE_HOST_DEVICE window_extents window() const noexcept { return window_; }
  /// Whether the host wrote what there is; else kernels have to fill the tables first.
  bool filled() const noexcept { return filled_; }

  /// The table of one modifier, `[heads, table_size()]`.
  HEDDLE_HOST_DEVICE const float* table(std::size_t modifier) const noexcept { return tables_[modifier]; }
  /// Entries of the table of one head.
  HEDDLE_HOST_DEVICE std::size_t table_size() const noexcept { return table_floats(window_); }
  HEDDLE_HOST_DEVICE std::size_t heads() const noexcept { return heads_; }
  /// The entry of a pair is `key_place(key) + query_place(query)`, so that what divides is done once for each.
  HEDDLE_HOST_DEVICE std::size_t key_place(std::size_t key) const noexcept {
    const place p = place_of(key);
    return (p.t * (2 * window_.height - 1) + p.y) * (2 * window_.width - 1) + p.x;
  }
  HEDDLE_HOST_DEVICE std::size_t query_place(std::size_t query) const noexcept {
    return entry(place_of(query), place{0, 0, 0});
  }

  /// Writes one entry of a modifier's table, for all heads.
  template <class Bias>
  HEDDLE_HOST_DEVICE void fill_entry(const Bias& bias, float* table, std::size_t entry) const {
    const std::size_t rows = 2 * window_.height - 1;
    const std::size_t columns = 2 * window_.width - 1;
    const std::size_t entries = table_floats(window_);
    // Tables count from key - query, policies from query - key.
    const std::size_t opposite = entries - 1 - entry;
    const std::size_t dx = opposite % columns;
    const std::size_t dy = opposite / columns % rows;
    float* out = table + entry;
    if constexpr (requires { bias.offset_biases(window_, dy, dx, out, rows); }) {
      bias.offset_biases(window_, dy, dx, out, entries);
    } else {
      for (std::size_t head = 0; head < heads_; ++head) {
        if constexpr (in_time<Bias>) {
          out[head * entries] = bias.offset_bias(window_, head, dy, dx, opposite / columns / rows);
        } else {
          out[head * entries] = bias.offset_bias(window_, head, dy, dx);
        }
      }
    }
  }
  /// Floats from row to row of a matrix.
  std::size_t pitch() const noexcept { return detail::padded_keys(window_.size()); }

  /// Row of query 0 of a head in the matrix of a run, or null where rows are made by `rows`.
  const float* matrix(std::size_t run, std::size_t head) const noexcept {
    return matrices_[run] == nullptr ? nullptr : matrices_[run] + head * window_.size() * pitch();
  }

  /// The sum of all biases of a head as `[keys, queries padded]`, or null: for short problems whose scores start from them.
  const float* columns(std::size_t head) const noexcept {
    return columns_ == nullptr ? nullptr : columns_ + head * window_.size() * pitch();
  }

  /// The bias of one modifier for one pair, from its table.
  float at(std::size_t modifier, std::size_t head, std::size_t query, std::size_t key) const noexcept {
    return tables_[modifier][head * table_floats(window_) + entry(place_of(query), place_of(key))];
  }

  /// Writes the biases of a run for one query and keys `[k0, k0 + count)`; -inf behind the last key.
  void row_part(std::size_t run, std::size_t head, std::size_t q, std::size_t k0, std::size_t count,
                float* out) const noexcept {
    const place query = place_of(q);
    bool first = true;
    for (std::size_t i = 0; i != Composition::modifiers; ++i) {
      if (!runs::biases[i] || runs::run_of(i) != run) continue;
      place key = place_of(k0);
      for (std::size_t k = 0; k < count && k0 + k < window_.size(); ++k) {
        const float bias = tables_[i][head * table_floats(window_) + entry(query, key)];
        out[k] = first ? bias : out[k] + bias;
        advance(key);
      }
      first = false;
    }
    for (std::size_t k = window_.size() > k0 ? window_.size() - k0 : 0; k < count; ++k)
      out[k] = -std::numeric_limits<float>::infinity();
  }

  /// Writes the rows of queries `[q0, q1)` of a run, `pitch()` apart, padding included.
  void rows(std::size_t run, std::size_t head, std::size_t q0, std::size_t q1, float* out) const noexcept {
    place at = place_of(q0);
    for (std::size_t q = q0; q < q1; ++q, out += pitch()) {
      row(run, head, at, out);
      advance(at);
    }
  }

 private:
  /// A position of the window.
  struct place {
    std::size_t t;
    std::size_t y;
    std::size_t x;
  };

  HEDDLE_HOST_DEVICE place place_of(std::size_t i) const noexcept {
    return {i / window_.width / window_.height, i / window_.width % window_.height, i % window_.width};
  }
  void advance(place& at) const noexcept {
    if (++at.x < window_.width) return;
    at.x = 0;
    if (++at.y < window_.height) return;
    at.y = 0;
    ++at.t;
  }
  /// Of a table, for two places.
  HEDDLE_HOST_DEVICE std::size_t entry(const place& query, const place& key) const noexcept {
    const std::size_t t = key.t + window_.depth - 1 - query.t;
    const std::size_t y = key.y + window_.height - 1 - query.y;
    return (t * (2 * window_.height - 1) + y) * (2 * window_.width - 1) + key.x + window_.width - 1 - query.x;
  }

  template <class Bias>
  static constexpr bool in_time = requires(const Bias& b, window_extents w, std::size_t i) { b.offset_bias(w, i, i, i, i); };

  template <class Bias>
  static constexpr void check_bias(const Bias& bias, window_extents w, std::size_t heads) {
    if constexpr (!in_time<Bias>) require_extent("attention: a relative bias of two axes", "frames in a window", 1, w.depth);
    bias.check(w, heads);
  }

  template <class Bias>
  const float* make_table(const Bias& bias, arena& memory) const {
    const std::size_t entries = table_floats(window_);
    float* table = memory.take<float>(heads_ * entries);
    if (!memory.on_host()) return table;
    for (std::size_t entry = 0; entry < entries; ++entry) fill_entry(bias, table, entry);
    return table;
  }

  const float* make_matrix(std::size_t run, arena& memory) const {
    float* matrix = memory.take<float>(matrix_floats(window_, heads_));
    const std::size_t per_head = window_.size() * pitch();
    for (std::size_t head = 0; head < heads_; ++head) rows(run, head, 0, window_.size(), matrix + head * per_head);
    float* behind = matrix + heads_ * per_head;
    for (std::size_t i = 0; i < detail::bias_extra_rows * pitch(); ++i) behind[i] = 0.0F;
    return matrix;
  }

  const float* make_columns(arena& memory) const {
    const std::size_t n = window_.size();
    float* all = memory.take<float>(heads_ * n * pitch());
    for (std::size_t head = 0; head < heads_; ++head) {
      for (std::size_t k = 0; k < n; ++k) {
        float* out = all + (head * n + k) * pitch();
        for (std::size_t q = 0; q < n; ++q) out[q] = matrix(0, head)[q * pitch() + k];
        for (std::size_t q = n; q < pitch(); ++q) out[q] = 0.0F;
      }
    }
    return all;
  }

  void row(std::size_t run, std::size_t head, const place& query, float* out) const noexcept {
    const std::size_t keys = window_.size();
    bool first = true;
    for (std::size_t i = 0; i != Composition::modifiers; ++i) {
      if (!runs::biases[i] || runs::run_of(i) != run) continue;
      row_of_table(tables_[i] + head * table_floats(window_), query, first, out);
      first = false;
    }
    for (std::size_t k = keys; k < pitch(); ++k) out[k] = -std::numeric_limits<float>::infinity();
  }

  /// The keys of one row of the window are neighbours in the table.
  void row_of_table(const float* table, const place& query, bool first, float* out) const noexcept {
    const std::size_t w = window_.width;
    const std::size_t rows = 2 * window_.height - 1;
    const std::size_t columns = 2 * w - 1;
    const float* frame =
        table + ((window_.depth - 1 - query.t) * rows + window_.height - 1 - query.y) * columns + (w - 1 - query.x);
    for (std::size_t t = 0; t < window_.depth; ++t, frame += rows * columns) {
      const float* source = frame;
      for (std::size_t y = 0; y < window_.height; ++y, source += columns, out += w) {
        if (first) {
          for (std::size_t x = 0; x < w; ++x) out[x] = source[x];
        } else {
          for (std::size_t x = 0; x < w; ++x) out[x] += source[x];
        }
      }
    }
  }
};

}  // namespace heddle::inline v0
