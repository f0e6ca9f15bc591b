/// @file
/// Short groups (windows, blocks, grids) of stored bfloat16 on a machine with tiles: up to 64 keys, heads of up to 32
/// elements. One head of a group is packed, multiplied, weighed and stored at a stretch: what stays of its products is the
/// exponentials, so nothing else may cost much. A single key behind whole vectors of them (49 = 48 + 1) is weighed for 16
/// queries at once instead of in a vector of its own for each query.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>

#include <heddle/simd/attend_amx.hpp>
#include <heddle/simd/attend_short.hpp>
#include <heddle/simd/attend_short_tile_pack.hpp>

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
// As in lanes_avx512.hpp.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace heddle::inline v0::detail {

/// One packed head of a group.
struct short_tile_job {
  const bf16_pair* queries;  ///< `[rows in whole tiles][16]`
  const bf16_pair* keys;     ///< `[panel][16][16]`
  const bf16_pair* values;   ///< `[pair of keys][columns][16]`
  std::size_t rows;
  float* scores;  ///< `[rows in whole tiles, pitch]`; the words of the weights lie over them
  std::size_t pitch;
  float scale;
  const float* bias;  ///< `[rows, bias_pitch]`, or null
  std::size_t bias_pitch;
  const std::uint16_t* visible;       ///< `[rows, 4]`: a bit for each key, or null where everybody sees all
  const std::uint16_t* lone_visible;  ///< `[rows / 16]`: the queries that see the key alone
  float* largest;                     ///< `[rows in whole tiles]`
  float* sum;
  float* inverse;
  float* out;  ///< `[rows in whole tiles][columns][16]`, not divided by the sums
};

/// The leaf: it knows no policy. `Panels` whole panels of keys and, if `Lone`, one key behind them; `Columns` tiles of values.
template <class Isa, class Tiles, std::size_t Panels, bool Lone, std::size_t Columns>
class short_tiles {
  using v = vec<Isa>;
  static constexpr std::size_t tile = tile_words * tile_words;
  static constexpr std::size_t key_row = tile_words * sizeof(bf16_pair);
  static constexpr std::size_t key_tiles = Panels + (Lone ? 1 : 0);
  static constexpr std::size_t steps = (key_tiles + 1) / 2;
  static constexpr std::size_t value_pitch = Columns * tile_words;
  static_assert(key_tiles <= 4 && Columns <= 2);

  const short_tile_job& j_;
  bool plain_;  ///< neither bias nor mask: scores stay as the products are
  Tiles t_{};

 public:
  explicit HEDDLE_ALWAYS_INLINE short_tiles(const short_tile_job& j) noexcept
      : j_(j), plain_(j.bias == nullptr && j.visible == nullptr) {}

  /// The products of a block of 16 queries are under way while those of its neighbour become weights.
  static HEDDLE_NOINLINE void run(const short_tile_job& j) noexcept {
    short_tiles x(j);
    const std::size_t blocks = (j.rows + tile_rows - 1) / tile_rows;
    x.load_keys();
    x.score(0);
    HEDDLE_NO_UNROLL
    for (std::size_t b = 0; b < blocks; ++b) {
      if (b + 1 < blocks) x.score(b + 1);
      if (b > 0) x.add_values(b - 1);
      x.weigh(b);
    }
    x.add_values(blocks - 1);
  }

 private:
  /// Tiles 4 to 7.
  HEDDLE_ALWAYS_INLINE void load_keys() noexcept {
    t_.template load<4>(j_.keys, key_row);
    if constexpr (key_tiles > 1) t_.template load<5>(j_.keys + tile, key_row);
    if constexpr (key_tiles > 2) t_.template load<6>(j_.keys + 2 * tile, key_row);
    if constexpr (key_tiles > 3) t_.template load<7>(j_.keys + 3 * tile, key_row);
  }

  HEDDLE_ALWAYS_INLINE void score(std::size_t block) noexcept {
    float* const scores = j_.scores + block * tile_rows * j_.pitch;
    const std::size_t row = j_.pitch * sizeof(float);
    t_.template load<3>(j_.queries + block * tile, key_row);
    product<0, 4>();
    if constexpr (key_tiles > 1) product<1, 5>();
    if constexpr (key_tiles > 2) product<2, 6>();
    t_.template store<0>(scores, row);
    if constexpr (key_tiles > 3) product<0, 7>();
    if constexpr (key_tiles > 1) t_.template store<1>(scores + tile_words, row);
    if constexpr (key_tiles > 2) t_.template store<2>(scores + 2 * tile_words, row);
    if constexpr (key_tiles > 3) t_.template store<0>(scores + 3 * tile_words, row);
  }
  template <int C, int B>
  HEDDLE_ALWAYS_INLINE void product() noexcept {
    t_.template zero<C>();
    t_.template dot<C, 3, B>();
  }

  HEDDLE_ALWAYS_INLINE void add_values(std::size_t block) noexcept {
    constexpr std::size_t row = value_pitch * sizeof(bf16_pair);
    const float* weights = j_.scores + block * tile_rows * j_.pitch;
    const bf16_pair* values = j_.values;
    t_.template zero<0>();
    if constexpr (Columns > 1) t_.template zero<1>();
    HEDDLE_UNROLL
    for (std::size_t s = 0; s < steps; ++s, weights += tile_words, values += tile_words * value_pitch) {
      t_.template load<2>(weights, j_.pitch * sizeof(float));
      t_.template load<3>(values, row);
      t_.template dot<0, 2, 3>();
      if constexpr (Columns > 1) {
        t_.template load<3>(values + tile_words, row);
        t_.template dot<1, 2, 3>();
      }
    }
    float* const out = j_.out + block * tile_rows * value_pitch;
    t_.template store<0>(out, row);
    if constexpr (Columns > 1) t_.template store<1>(out + tile_words, row);
  }

  HEDDLE_ALWAYS_INLINE void weigh(std::size_t block) const noexcept {
    const std::size_t r0 = block * tile_rows;
    const std::size_t end = j_.rows - r0 < tile_rows ? j_.rows - r0 : tile_rows;
    float* const scores = j_.scores + r0 * j_.pitch;
    const v power(plain_ ? j_.scale * log2_e : log2_e);
    alignas(64) float vectors[tile_rows * tile_words];
    alignas(64) float shifts[tile_rows];
    alignas(64) std::int32_t lone_words[tile_rows];
    for (std::size_t r = end; r < tile_rows; ++r) v::zero().store(vectors + r * tile_words);
    plain_ ? find_largest(scores, end, vectors) : refine(scores, r0, end, vectors);
    v largest = joined<Isa>(vectors, [](const v* r) { return join_max(r); });
    v lone = v::zero();
    if constexpr (Lone) {
      lone = lone_scores(scores + Panels * tile_words, block);
      largest = max(largest, lone);
    }
    if (!plain_) largest = max(largest, v(lowest_score));
    largest.store(j_.largest + r0);
    const v shift = fnma(largest, power, v::zero());
    shift.store(shifts);
    if constexpr (Lone) {
      lone = exp2_rounded(fma(lone, power, shift));
      _mm512_store_si512(lone_words, _mm512_cvtepu16_epi32(_mm512_castsi512_si256(rounded_words(lone, v::zero()))));
    }
    for (std::size_t r = 0; r < end; ++r)
      weigh_row(scores + r * j_.pitch, power, v(shifts[r]), Lone ? lone_words[r] : 0).store(vectors + r * tile_words);
    v sum = joined<Isa>(vectors, [](const v* r) { return join_add(r); });
    if constexpr (Lone) sum = sum + lone;
    sum.store(j_.sum + r0);
    select(sum == v::zero(), v::zero(), v(1.0F) / sum).store(j_.inverse + r0);
  }

  HEDDLE_ALWAYS_INLINE void find_largest(const float* scores, std::size_t end, float* vectors) const noexcept {
    for (std::size_t r = 0; r < end; ++r, scores += j_.pitch) {
      v m = v::load(scores);
      HEDDLE_UNROLL
      for (std::size_t p = 1; p < Panels; ++p) m = max(m, v::load(scores + p * tile_words));
      m.store(vectors + r * tile_words);
    }
  }

  /// Scale, bias and mask, besides.
  HEDDLE_ALWAYS_INLINE void refine(float* scores, std::size_t r0, std::size_t end, float* vectors) const noexcept {
    const v scale(j_.scale);
    for (std::size_t r = 0; r < end; ++r, scores += j_.pitch) {
      const float* const bias = j_.bias != nullptr ? j_.bias + (r0 + r) * j_.bias_pitch : nullptr;
      v m(lowest_score);
      HEDDLE_UNROLL
      for (std::size_t p = 0; p < Panels; ++p) {
        v x = v::load(scores + p * tile_words);
        x = bias != nullptr ? fma(x, scale, v::load(bias + p * tile_words)) : x * scale;
        if (j_.visible != nullptr) x = hidden_but(j_.visible[(r0 + r) * 4 + p], x);
        x.store(scores + p * tile_words);
        m = max(m, x);
      }
      m.store(vectors + r * tile_words);
    }
  }

  /// The scores of the key alone with 16 queries.
  HEDDLE_ALWAYS_INLINE v lone_scores(const float* scores, std::size_t block) const noexcept {
    v x = column(scores, j_.pitch);
    if (plain_) return x;
    x = x * v(j_.scale);
    if (j_.bias != nullptr) x = x + column(j_.bias + block * tile_rows * j_.bias_pitch + Panels * tile_words, j_.bias_pitch);
    return j_.visible != nullptr ? hidden_but(j_.lone_visible[block], x) : x;
  }

  static HEDDLE_ALWAYS_INLINE v hidden_but(std::uint16_t bits, v x) noexcept {
    return _mm512_mask_mov_ps(_mm512_set1_ps(-std::numeric_limits<float>::infinity()), bits, x.value);
  }

  /// The first elements of 16 rows.
  static HEDDLE_ALWAYS_INLINE v column(const float* p, std::size_t pitch) noexcept {
    const __m512i rows = _mm512_mullo_epi32(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
                                            _mm512_set1_epi32(static_cast<int>(pitch)));
    return _mm512_i32gather_ps(rows, p, sizeof(float));
  }

  /// Replaces the scores of a row by words of weights and returns their sum.
  static HEDDLE_ALWAYS_INLINE v weigh_row(float* row, v power, v shift, [[maybe_unused]] std::int32_t lone) noexcept {
    v weight[Panels + 1];
    HEDDLE_UNROLL
    for (std::size_t p = 0; p < Panels; ++p) weight[p] = exp2_rounded(fma(v::load(row + p * tile_words), power, shift));
    weight[Panels] = v::zero();
    HEDDLE_UNROLL
    for (std::size_t p = 0; p < key_tiles; p += 2) {
      __m512i words = p < Panels ? rounded_words(weight[p], weight[p + 1]) : _mm512_setzero_si512();
      if constexpr (Lone) {
        if (p + 2 > Panels) words = _mm512_mask_set1_epi32(words, static_cast<__mmask16>(1U << (Panels % 2 * 8)), lone);
      }
      _mm512_storeu_si512(row + p / 2 * tile_words, words);
    }
    v sum = weight[0];
    HEDDLE_UNROLL
    for (std::size_t p = 1; p < Panels; ++p) sum = sum + weight[p];
    return sum;
  }
};

/// The way of such a group through its composition.
template <class Isa, class Products, class Arguments>
class attend_short_tiles {
  using v = vec<Isa>;
  using state_type = attend_state<Isa, Products, Arguments>;
  using composition_type = typename state_type::composition_type;
  using normalizer_type = typename state_type::normalizer_type;
  using observer = observed<typename composition_type::observer_type>;
  using runs = bias_runs<composition_type>;
  static constexpr std::size_t D = Arguments::head_dim;
  static constexpr bool masked = state_type::mask_type::masked;
  static constexpr std::size_t least_keys = 9;
  static constexpr std::size_t most_keys = 4 * tile_words;

  const state_type& t_;
  std::size_t head_;
  token_range tokens_;
  bool lone_ = false;       ///< one key behind whole panels
  bool hides_ = false;      ///< some pair is hidden
  std::size_t panels_ = 0;  ///< whole ones, if one key is alone
  std::uint16_t visible_[most_keys * 4];
  std::uint16_t lone_visible_[4];

 public:
  static constexpr bool possible = D <= tile_inputs && !state_type::own_keys && !state_type::cross &&
                                   heads_per_key_head<typename composition_type::source_type> == 1 &&
                                   normalizer_type::kind == normalizer_kind::exponential &&
                                   normalizer_parts<normalizer_type> == 1 && !initial_score<normalizer_type> &&
                                   !observer::weights && (composition_type::modifiers == 0 || (runs::only && runs::count == 1));

  attend_short_tiles(const state_type& t, std::size_t head) : t_(t), head_(head), tokens_(t.queries(0, t.sizes.queries)) {}

  /// Packs the values; what a mask hides has values that may be multiplied by 0.
  bool ready() {
    const std::size_t n = t_.sizes.keys;
    if (n < least_keys || n > most_keys) return false;
    if (composition_type::modifiers > 0 && t_.a.plan.bias().matrix(0, head_) == nullptr) return false;
    if (!(t_.composition().score().scale(head_, D) > 0.0F)) return false;  // maxima are taken before
    lone_ = n % tile_words == 1;
    panels_ = lone_ ? n / tile_words : (n + tile_words - 1) / tile_words;
    bool tail = !lone_ && n % tile_words != 0 && composition_type::modifiers == 0;  // biases hide it already
    if (t_.a.plan.map().padded()) {
      for (std::size_t i = 0; i < n; ++i) hides_ = hides_ || !tokens_.present(i);
    }
    if constexpr (masked) hides_ = hides_ || t_.mask.classify(context(), 0, n, 0, n) != tile::full;
    const bool finite = pack::values(t_.values(head_, tokens_), n, steps() * tile_inputs, hides_, t_.s.values);
    if (!finite) return false;
    hides_ = hides_ || tail;
    if (hides_) find_visible();
    return true;
  }

  void run() const {
    t_.with_queries(head_, tokens_, [&](const auto& rows) { pack::queries(rows, t_.sizes.queries, t_.s.queries); });
    t_.with_keys(head_, tokens_, [&](const auto& rows) { pack::keys(rows, t_.sizes.keys, t_.s.keys); });
    short_tile_job job{t_.s.queries,
                       t_.s.keys,
                       t_.s.values,
                       t_.sizes.queries,
                       t_.s.scores,
                       t_.sizes.pitch,
                       t_.composition().score().scale(head_, D),
                       nullptr,
                       0,
                       nullptr,
                       lone_visible_,
                       t_.s.rows.largest,
                       t_.s.rows.sum,
                       t_.s.rows.factor,
                       t_.s.sums};
    if constexpr (composition_type::modifiers > 0) {
      job.bias = t_.a.plan.bias().matrix(0, head_);
      job.bias_pitch = t_.a.plan.bias().pitch();
    }
    if (hides_) job.visible = visible_;
    if (lone_) {
      with_columns<3>(panels_, [&](auto n) { short_tiles<Isa, tiles, n, true, pack::columns>::run(job); });
    } else {
      with_columns<4>(panels_, [&](auto n) { short_tiles<Isa, tiles, n, false, pack::columns>::run(job); });
    }
    store();
  }

 private:
  using pack = short_tile_pack<Isa, possible ? D : 1>;
  using tiles = typename Products::tiles;

  /// Times 32 keys.
  std::size_t steps() const noexcept { return (panels_ + (lone_ ? 1 : 0) + 1) / 2; }

  typename state_type::context_type context() const {
    auto c = t_.context;
    c.head = head_;
    return c;
  }

  static v positions(std::size_t first, std::size_t count) noexcept {  // policies are not asked about what is not there
    return min(batch_traits<v>::positions(static_cast<float>(first)), v(static_cast<float>(count - 1)));
  }
  static std::uint16_t bits(vec_mask<Isa> m) noexcept {
    return _mm512_cmp_ps_mask(select(m, v(1.0F), v::zero()).value, _mm512_setzero_ps(), _CMP_NEQ_UQ);
  }

  HEDDLE_NOINLINE void find_visible() noexcept {
    const std::size_t n = t_.sizes.keys;
    std::uint16_t present[4];
    for (std::size_t p = 0; p < 4; ++p) {
      present[p] = 0;
      for (std::size_t i = 0; i < tile_words && p * tile_words + i < n; ++i)
        if (tokens_.present(p * tile_words + i)) present[p] = static_cast<std::uint16_t>(present[p] | (1U << i));
    }
    // A map of its own: the compiler then knows that storing bits does not change what the mask is told.
    const typename state_type::map_type map = t_.a.plan.map();
    [[maybe_unused]] auto c = context();
    c.map = &map;
    [[maybe_unused]] alignas(memory_alignment) float labels[most_keys];
    if constexpr (state_type::mask_type::labelled) {
      for (std::size_t k = 0; k < n; k += v::size) t_.mask.label(c, positions(k, n)).store(labels + k);
    }
    for (std::size_t q = 0; q < n; ++q) {
      for (std::size_t p = 0; p < panels_; ++p) {
        std::uint16_t seen = present[p];
        if constexpr (state_type::mask_type::labelled) {
          seen = static_cast<std::uint16_t>(seen & bits(v::load(labels + p * v::size) == v::broadcast(labels + q)));
        } else if constexpr (masked) {
          seen = static_cast<std::uint16_t>(
              seen & bits(t_.mask.template operator()<v>(c, v(static_cast<float>(q)), positions(p * v::size, n))));
        }
        visible_[q * 4 + p] = seen;
      }
    }
    if (!lone_) return;
    for (std::size_t b = 0; b * tile_rows < n; ++b) {
      lone_visible_[b] = present[panels_] != 0 ? 0xffffU : 0U;
      if constexpr (masked)
        lone_visible_[b] =
            static_cast<std::uint16_t>(lone_visible_[b] & bits(t_.mask.template operator()<v>(c, positions(b * tile_rows, n),
                                                                                              v(static_cast<float>(n - 1)))));
    }
  }

  void store() const {
    constexpr std::size_t pitch = pack::columns * tile_words;
    const float* sums = t_.s.sums;
    for (std::size_t q = 0; q < t_.sizes.queries; ++q, sums += pitch) {
      if (!tokens_.present(q)) continue;
      const std::size_t row = t_.output_row(tokens_, q);
      const float factor = t_.s.rows.factor[q];
      auto* const out = &t_.a.out(t_.view_batch, head_, row, 0);
      HEDDLE_UNROLL
      for (std::size_t d = 0; d < D; d += v::size)
        store_rounded(out, d, factor == 0.0F ? v::zero() : v::load(sums + d) * v(factor));
      if constexpr (observer::logsumexp) {
        const float sum = t_.s.rows.sum[q];
        const float unit =
            composition_type::modifiers > 0 || hides_ ? 1.0F : t_.composition().score().scale(head_, D);  // of the maxima
        t_.a.outputs.logsumexp(t_.view_batch, head_, row) =
            sum == 0.0F ? -std::numeric_limits<float>::infinity() : t_.s.rows.largest[q] * unit + std::log(sum);
      }
    }
  }

  template <class T>
  static HEDDLE_ALWAYS_INLINE void store_rounded(T* out, std::size_t d, v x) noexcept {
    if constexpr (std::is_same_v<T, bfloat16> && pairs<Isa>::native && D % v::size == 0) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + d), _mm512_castsi512_si256(pairs<Isa>::rounded(x, v::zero()).words));
    } else {
      store_part<Isa>(out, d, D, x);
    }
  }
};

template <class Isa, class Tiles, class Session, class Arguments>
struct short_way<Isa, attend_products_tiles<Isa, Tiles, Session>, Arguments> {
  using type = attend_short_tiles<Isa, attend_products_tiles<Isa, Tiles, Session>, Arguments>;
};

}  // namespace heddle::inline v0::detail

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#endif
