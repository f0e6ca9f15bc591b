/// @file
/// The keys of one group in chunks: the panels that an outer block of queries can see, packed once for all its blocks.
#pragma once

#include <cstddef>
#include <cstdint>

#include <heddle/simd/attend_state.hpp>

namespace heddle::inline v0::detail {

/// Queries `[q0, q1)` of `heads` heads from `head` on, which all read head `key_head` of the keys.
struct attend_outer {
  std::size_t head = 0;
  std::size_t heads = 1;
  std::size_t key_head = 0;
  std::size_t q0 = 0;
  std::size_t q1 = 0;
};

template <class Isa, class Products, class Arguments>
class attend_chunk {
  using v = vec<Isa>;
  using state_type = attend_state<Isa, Products, Arguments>;
  using context_type = typename state_type::context_type;
  using element = typename Products::element;
  using stored_type = typename Arguments::value_type;
  static constexpr std::size_t D = Arguments::head_dim;
  static constexpr bool masked = state_type::mask_type::masked;
  static constexpr std::size_t parts = normalizer_parts<typename state_type::normalizer_type>;
  static constexpr bool asked = masked || parts > 1;

  const state_type& t_;
  attend_outer outer_;
  std::size_t part_;
  std::size_t cursor_ = 0;  ///< the first panel that no chunk had
  std::size_t slots_ = 0;   ///< panels of this chunk, a multiple of panel_step
  std::size_t panels_ = 0;  ///< of them that exist
  bool any_tainted_ = false;
  bool clear_ = false;

 public:
  attend_chunk(const state_type& t, const attend_outer& outer, std::size_t part) : t_(t), outer_(outer), part_(part) {}

  std::size_t slots() const noexcept { return slots_; }
  bool exists(std::size_t slot) const noexcept { return slot < panels_; }
  /// Everybody sees all of it, and it is one run of panels.
  bool clear() const noexcept { return clear_; }
  bool any_tainted() const noexcept { return any_tainted_; }
  /// All keys have been seen.
  bool last() const noexcept { return cursor_ >= t_.sizes.panels; }
  /// Keys of the chunk, rounded up to an even number.
  std::size_t even_keys() const noexcept {
    if (slots_ != panels_ || panels_ == 0) return slots_ * v::size;
    return ((panels_ - 1) * v::size + t_.keys_of(t_.s.panel_of[panels_ - 1]) + 1) / 2 * 2;
  }

  /// Finds the next panels that somebody sees; false if there are none. They are not packed yet.
  bool next() {
    panels_ = 0;
    while (panels_ < t_.sizes.chunk && cursor_ < t_.sizes.panels) {
      const std::size_t step = take();
      cursor_ += step;
    }
    slots_ = (panels_ + Products::panel_step - 1) / Products::panel_step * Products::panel_step;
    find_all_valid();
    return panels_ > 0;
  }

  /// All panels of `[first, first + chunk)`, seen or not: for normalizers that need whole rows.
  void take_all(std::size_t first) {
    panels_ = 0;
    for (cursor_ = first; panels_ < t_.sizes.chunk && cursor_ < t_.sizes.panels; ++cursor_) append(cursor_, asked);
    slots_ = (panels_ + Products::panel_step - 1) / Products::panel_step * Products::panel_step;
    find_all_valid();
  }

  void pack_keys() const {
    if (t_.in_place) return find_rows(t_.a.k, t_.s.key_rows);
    for (std::size_t slot = 0; slot < slots_; ++slot) {
      const std::size_t first = exists(slot) ? t_.s.panel_of[slot] * v::size : 0;
      const std::size_t count = exists(slot) ? t_.keys_of(t_.s.panel_of[slot]) : 0;
      element* out = t_.s.keys + slot * Products::panel_elements(t_.dim());
      const token_range tokens = exists(slot) ? t_.keys(t_.s.panel_of[slot], slot) : token_range{};
      t_.with_keys(outer_.key_head, tokens,
                   [&](const auto& source) { Products::template pack_keys<D>(source, first, count, t_.dim(), out); });
    }
  }

  void pack_values() {
    any_tainted_ = false;
    if (t_.in_place) return find_rows(t_.a.v, t_.s.value_rows);
    const bool check = t_.hides();
    for (std::size_t slot = 0; slot < slots_; ++slot) {
      const std::size_t first = exists(slot) ? t_.s.panel_of[slot] * v::size : 0;
      const std::size_t count = exists(slot) ? t_.keys_of(t_.s.panel_of[slot]) : 0;
      element* out = t_.s.values + slot * Products::value_elements(t_.dim());
      const auto source = t_.values(outer_.key_head, exists(slot) ? t_.keys(t_.s.panel_of[slot], slot) : token_range{});
      const bool finite = check ? Products::template pack_values<D, true>(source, first, count, t_.dim(), out)
                                : Products::template pack_values<D, false>(source, first, count, t_.dim(), out);
      t_.s.tainted[slot] = finite ? 0 : 1;
      if (!finite) pack_cleaned(source, first, count, out);
    }
  }

  /// The mask and, where there are parts, whose turn it is.
  tile classify(const context_type& c, std::size_t q0, std::size_t q1, std::size_t p0, std::size_t p1, std::size_t part) const {
    const std::size_t k0 = p0 * v::size;
    const std::size_t k1 = p1 * v::size < t_.sizes.keys ? p1 * v::size : t_.sizes.keys;
    tile t = tile::full;
    if constexpr (parts > 1) t = t_.composition().normalizer().classify_part(c, part, k0, k1);
    if constexpr (masked) {
      if (t != tile::skip) t = both(t, t_.mask.classify(c, q0, q1, k0, k1));
    }
    return t;
  }
  HEDDLE_ALWAYS_INLINE vec_mask<Isa> visible(const context_type& c, v q, v k, [[maybe_unused]] std::size_t part) const {
    vec_mask<Isa> m = q == q;
    if constexpr (masked) m = t_.mask.template operator()<v>(c, q, k);
    if constexpr (parts > 1) m = m & t_.composition().normalizer().in_part(c, k, part);
    return m;
  }

  /// Rows of the keys and values of a chunk that is read in place, null for missing ones.
  template <class T>
  const T* const* key_rows() const noexcept {
    return reinterpret_cast<const T* const*>(t_.s.key_rows);
  }
  template <class T>
  const T* const* value_rows() const noexcept {
    return reinterpret_cast<const T* const*>(t_.s.value_rows);
  }
  const stored_type* value_row(std::size_t key) const {
    const std::size_t slot = key / v::size;
    return t_.values(outer_.key_head, t_.keys(t_.s.panel_of[slot], slot)).row(t_.s.panel_of[slot] * v::size + key % v::size);
  }

 private:
  /// What all heads of the outer block say about panels `[p0, p1)`.
  tile classify_all(std::size_t p0, std::size_t p1) const {
    context_type c = t_.context;
    c.head = outer_.head;
    const tile t = classify(c, outer_.q0, outer_.q1, p0, p1, part_);
    for (std::size_t h = 1; h < outer_.heads; ++h) {
      ++c.head;
      if (classify(c, outer_.q0, outer_.q1, p0, p1, part_) != t) return tile::partial;
    }
    return t;
  }

  void append(std::size_t panel, bool unclear) {
    t_.s.panel_of[panels_] = panel;
    t_.s.unclear[panels_] = unclear ? 1 : 0;
    ++panels_;
  }

  /// Decides about some panels from the cursor on: first about many at once. Returns how many.
  std::size_t take() {
    const std::size_t left = t_.sizes.panels - cursor_;
    if constexpr (asked) {
      for (const std::size_t many : {std::size_t{1024}, std::size_t{32}}) {
        if (cursor_ % many != 0) continue;
        const std::size_t n = many < left ? many : left;
        if (classify_all(cursor_, cursor_ + n) == tile::skip) return n;
      }
    }
    const std::size_t room = t_.sizes.chunk - panels_;
    std::size_t n = room < left ? room : left;
    if constexpr (asked) {
      if (n > 32) n = 32 - cursor_ % 32;
    }
    const tile all = asked ? classify_all(cursor_, cursor_ + n) : tile::full;
    constexpr std::size_t step = Products::panel_step;  // together, so that panels of a step are neighbours
    for (std::size_t p = cursor_; p < cursor_ + n; p += step) {
      const std::size_t end = p + step < cursor_ + n ? p + step : cursor_ + n;
      const tile t = all == tile::partial && n > 1 ? classify_all(p, end) : all;
      if (t == tile::skip) continue;
      for (std::size_t i = p; i < end; ++i) append(i, t == tile::partial);
    }
    return n;
  }

  void find_all_valid() {
    clear_ = slots_ == panels_ && panels_ > 0;
    for (std::size_t slot = 0; slot < slots_; ++slot) {
      find_valid(slot);
      clear_ = clear_ && t_.s.complete[slot] != 0 && t_.s.unclear[slot] == 0 &&
               (slot == 0 || t_.s.panel_of[slot] == t_.s.panel_of[slot - 1] + 1);
    }
  }

  /// Marks lanes and panels that hold no key. Lanes behind the last key are -inf already where scores start from a bias
  /// and nothing but biases and a softmax follows.
  void find_valid(std::size_t slot) const {
    constexpr bool tail_is_hidden = bias_runs<typename state_type::composition_type>::only &&
                                    state_type::normalizer_type::kind != normalizer_kind::elementwise;
    t_.s.complete[slot] = 0;
    if (!exists(slot)) {
      t_.s.panel_of[slot] = t_.s.panel_of[panels_ - 1];  // asked for biases, which are then hidden
      for (std::size_t i = 0; i < v::size; ++i) t_.s.valid[slot * v::size + i] = -1.0F;
      return;
    }
    const std::size_t panel = t_.s.panel_of[slot];
    const std::size_t count = t_.keys_of(panel);
    const token_range tokens = t_.keys(panel, slot);
    bool complete = count == v::size || tail_is_hidden;
    for (std::size_t i = 0; i < v::size; ++i) {
      const bool present = i < count && tokens.present(panel * v::size + i);
      t_.s.valid[slot * v::size + i] = present ? 0.0F : -1.0F;
      complete = complete && (present || i >= count);
    }
    t_.s.complete[slot] = complete ? 1 : 0;
  }

  template <class Keys>
  void find_rows(const Keys& rows, const void** out) const {
    for (std::size_t slot = 0; slot < slots_; ++slot) {
      for (std::size_t i = 0; i < v::size; ++i) {
        const void*& p = out[slot * v::size + i];
        p = nullptr;
        if (!(t_.s.valid[slot * v::size + i] >= 0.0F)) continue;
        const std::size_t k = t_.s.panel_of[slot] * v::size + i;
        p = rows.row(t_.view_batch, outer_.key_head, t_.local ? k : t_.keys(t_.s.panel_of[slot], slot).token(k));
      }
    }
  }

  template <class Source>
  HEDDLE_COLD void pack_cleaned(const Source& source, std::size_t first, std::size_t count, element* out) {
    any_tainted_ = true;
    const auto clean = [this](float* row, std::size_t) {
      for (std::size_t d = 0; d < t_.dim(); ++d)
        if (!(row[d] - row[d] == 0.0F)) row[d] = 0.0F;
    };
    const changed_source<Isa, typename Arguments::keys_type, decltype(clean)> cleaned(source, clean, t_.s.stage,
                                                                                      t_.sizes.stage_pitch, t_.dim());
    Products::template pack_values<D, false>(cleaned, first, count, t_.dim(), out);
  }
};

}  // namespace heddle::inline v0::detail
