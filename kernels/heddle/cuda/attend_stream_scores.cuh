/// @file
/// The policies of a composition on a tile of scores in the registers of a warp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include <heddle/cuda/attend_parameters.cuh>

namespace heddle::inline v0::detail {

/// What is known of a tile of keys besides their rows.
struct stream_keys {
  std::size_t first = 0;            ///< position of the first key
  device::shared_address tokens{};  ///< of the keys, -1: none
  device::shared_address places{};  ///< of the keys in tables of biases
  bool ask = false;                 ///< the mask hides some pairs
  bool ragged = false;              ///< some keys are not there
};

/// Scores of 16 queries of one problem with a tile of keys. Element `i` of tile `n` belongs to row `lane / 4 + 8 (i / 2)` and
/// key `8 n + 2 (lane % 4) + i % 2`.
template <class P>
class stream_scores {
  using composition_type = typename P::composition_type;
  using context_type = typename P::context_type;
  using mask_type = typename P::mask_type;
  using normalizer_type = typename P::normalizer_type;
  using runs = bias_runs<composition_type>;
  static constexpr float log2_e = 1.4426950408889634F;

 public:
  static constexpr float hidden = -std::numeric_limits<float>::infinity();
  static constexpr bool exponential = takes_exponentials<composition_type>;
  /// Nothing looks at a score but the exponential: the factor of its base is part of the scale.
  static constexpr bool plain = exponential && composition_type::modifiers == 0;

 private:
  const P& p_;
  attend_problem<P> problem_;
  context_type context_;
  std::size_t queries_[2];  ///< the rows of this lane; the last one where there is none: policies are asked about no others
  float scale_;
  std::size_t query_places_[2] = {0, 0};

 public:
  HEDDLE_DEVICE stream_scores(const P& p, const attend_problem<P>& problem, std::size_t first_query)
      : p_(p), problem_(problem), context_(problem.context()), scale_(problem.scale() * (plain ? log2_e : 1.0F)) {
    HEDDLE_DEVICE_UNROLL
    for (unsigned h = 0; h < 2; ++h) {
      const std::size_t q = first_query + device::lane() / 4 + 8 * h;
      queries_[h] = q < p.queries ? q : p.queries - 1;
      if constexpr (runs::count > 0) query_places_[h] = p.bias.query_place(queries_[h]);
    }
  }

  /// Turns products into scores, in base 2 if the normalizer takes exponentials; -inf: hidden.
  template <unsigned Tiles>
  HEDDLE_DEVICE void apply(float (&s)[Tiles][4], const stream_keys& keys) const {
    HEDDLE_DEVICE_UNROLL
    for (unsigned n = 0; n < Tiles; ++n) {
      HEDDLE_DEVICE_UNROLL
      for (unsigned i = 0; i < 4; ++i) s[n][i] *= scale_;
    }
    each_modifier<composition_type>([&](auto m) {
      if constexpr (runs::template is_bias<m()>) {
        add_bias<m()>(s, keys);
      } else {
        change<m()>(s, keys);
      }
    });
    if constexpr (exponential && !plain) {
      HEDDLE_DEVICE_UNROLL
      for (unsigned n = 0; n < Tiles; ++n) {
        HEDDLE_DEVICE_UNROLL
        for (unsigned i = 0; i < 4; ++i) s[n][i] *= log2_e;
      }
    }
    if constexpr (mask_type::masked) {
      if (keys.ask) hide_masked(s, keys);
    }
    if (keys.ragged) hide_missing(s, keys);
  }

 private:
  static HEDDLE_DEVICE unsigned column(unsigned n, unsigned i) { return 8 * n + 2 * (device::lane() & 3U) + (i & 1U); }
  HEDDLE_DEVICE std::size_t key(const stream_keys& keys, unsigned n, unsigned i) const {
    const std::size_t k = keys.first + column(n, i);
    return k < p_.keys ? k : p_.keys - 1;
  }

  template <std::size_t M, unsigned Tiles>
  HEDDLE_DEVICE void add_bias(float (&s)[Tiles][4], const stream_keys& keys) const {
    const float* const table = p_.bias.table(M) + problem_.head() * p_.bias.table_size();
    HEDDLE_DEVICE_UNROLL
    for (unsigned n = 0; n < Tiles; ++n) {
      const auto places = device::shared_view<device::vector<std::uint32_t, 2>>{keys.places}.load(column(n, 0) / 2);
      HEDDLE_DEVICE_UNROLL
      for (unsigned i = 0; i < 4; ++i) s[n][i] += device::load_global_constant(table + query_places_[i / 2] + places[i & 1U]);
    }
  }

  template <std::size_t M, unsigned Tiles>
  HEDDLE_DEVICE void change(float (&s)[Tiles][4], const stream_keys& keys) const {
    using modifier = typename composition_type::template modifier_type<M>;
    const auto& f = p_.composition.template modifier<M>();
    if constexpr (runs::template adds<M>) {
      if (f.silent(context_)) return;
    }
    if constexpr (askable_row<modifier, context_type>) {
      const float* const rows[2] = {f.row(context_, queries_[0]), f.row(context_, queries_[1])};
      HEDDLE_DEVICE_UNROLL
      for (unsigned n = 0; n < Tiles; ++n) {
        HEDDLE_DEVICE_UNROLL
        for (unsigned i = 0; i < 4; ++i)
          if (rows[i / 2] != nullptr) s[n][i] += rows[i / 2][key(keys, n, i)];
      }
    } else {
      HEDDLE_DEVICE_UNROLL
      for (unsigned n = 0; n < Tiles; ++n) {
        HEDDLE_DEVICE_UNROLL
        for (unsigned i = 0; i < 4; ++i)
          s[n][i] =
              modified<float>(f, context_, s[n][i], static_cast<float>(queries_[i / 2]), static_cast<float>(key(keys, n, i)));
      }
    }
  }

  template <unsigned Tiles>
  HEDDLE_DEVICE void hide_masked(float (&s)[Tiles][4], const stream_keys& keys) const {
    const mask_type mask(p_.composition);
    HEDDLE_DEVICE_UNROLL
    for (unsigned n = 0; n < Tiles; ++n) {
      HEDDLE_DEVICE_UNROLL
      for (unsigned i = 0; i < 4; ++i)
        if (!mask(context_, static_cast<float>(queries_[i / 2]), static_cast<float>(key(keys, n, i)))) s[n][i] = hidden;
    }
  }

  template <unsigned Tiles>
  HEDDLE_DEVICE void hide_missing(float (&s)[Tiles][4], const stream_keys& keys) const {
    HEDDLE_DEVICE_UNROLL
    for (unsigned n = 0; n < Tiles; ++n) {
      bool there[2];
      if constexpr (P::in_order || P::other_tokens) {
        there[0] = keys.first + column(n, 0) < p_.keys;
        there[1] = keys.first + column(n, 1) < p_.keys;
      } else {
        const auto tokens = device::shared_view<device::vector<std::int32_t, 2>>{keys.tokens}.load(column(n, 0) / 2);
        there[0] = tokens[0] >= 0;
        there[1] = tokens[1] >= 0;
      }
      HEDDLE_DEVICE_UNROLL
      for (unsigned i = 0; i < 4; ++i)
        if (!there[i & 1U]) s[n][i] = hidden;
    }
  }
};

}  // namespace heddle::inline v0::detail
