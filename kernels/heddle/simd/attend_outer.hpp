/// @file
/// An outer block of queries: everything that happens with packed keys, chunk after chunk.
#pragma once

#include <cstddef>

#include <heddle/simd/attend_finish.hpp>
#include <heddle/simd/attend_weigh.hpp>

namespace heddle::inline v0::detail {

template <class Isa, class Products, class Arguments>
class attend_outer_block {
  using v = vec<Isa>;
  using state_type = attend_state<Isa, Products, Arguments>;
  using composition_type = typename state_type::composition_type;
  using normalizer_type = typename state_type::normalizer_type;
  using chunk_type = attend_chunk<Isa, Products, Arguments>;
  using block_type = attend_block<Isa, Products, Arguments>;
  using finish_type = attend_finish<Isa, Products, Arguments>;
  using observer = observed<typename composition_type::observer_type>;
  static constexpr std::size_t D = Arguments::head_dim;
  static constexpr std::size_t parts = normalizer_parts<normalizer_type>;

  const state_type& t_;
  attend_outer outer_;
  token_range tokens_;
  std::size_t blocks_;  ///< of one head

 public:
  attend_outer_block(const state_type& t, const attend_outer& outer)
      : t_(t),
        outer_(outer),
        tokens_(t.queries(outer.q0, outer.q1 - outer.q0)),
        blocks_((outer.q1 - outer.q0 + t.sizes.block - 1) / t.sizes.block) {}

  void run() {
    pack_queries();
    if constexpr (normalizer_type::kind == normalizer_kind::whole_row) {
      run_rows();
    } else {
      run_chunks();
    }
  }

 private:
  /// `f(head, place)` for every block.
  template <class F>
  void each_block(std::size_t part, F&& f) const {
    for (std::size_t h = 0; h < outer_.heads; ++h) {
      for (std::size_t b = 0; b < blocks_; ++b) {
        const std::size_t q0 = outer_.q0 + b * t_.sizes.block;
        const std::size_t left = outer_.q1 - q0;
        f(outer_.head + h, attend_place{q0, left < t_.sizes.block ? left : t_.sizes.block, h * blocks_ + b, part});
      }
    }
  }

  void pack_queries() const {
    each_block(0, [&](std::size_t head, const attend_place& place) {
      const float scale = t_.composition().score().scale(head, t_.dim());
      t_.with_queries(head, tokens_, [&](const auto& source) {
        if (t_.in_place) {
          float* out = t_.s.few_queries + place.index * place.count * attend_products_f32<Isa>::query_pitch(t_.dim());
          attend_products_f32<Isa>::template pack_queries<D>(source, place.q0, place.count, t_.dim(), scale, out);
          return;
        }
        const std::size_t pitch = Products::query_pitch(t_.dim());
        auto* out = t_.s.queries + place.index * t_.sizes.block * pitch;
        Products::template pack_queries<D>(source, place.q0, place.count, t_.dim(), scale, out);
        const std::size_t padded = (place.count + Products::tile_rows - 1) / Products::tile_rows * Products::tile_rows;
        for (std::size_t i = place.count * pitch; i < padded * pitch; ++i) out[i] = typename Products::element{};
      });
    });
    for (std::size_t part = 0; part < parts; ++part)
      for (std::size_t i = 0; i < outer_.heads * blocks_; ++i) t_.s.seen[part * t_.sizes.blocks + i] = 0;
  }

  void run_chunks() const {
    bool one_chunk = parts == 1;
    for (std::size_t part = 0; part < parts; ++part) {
      chunk_type chunk(t_, outer_, part);
      bool finished = false;
      for (bool first = true; chunk.next(); first = false) {
        one_chunk = one_chunk && first && chunk.last();
        finished = chunk.last() && parts == 1 && (one_chunk || !observer::weights);
        chunk.pack_keys();
        chunk.pack_values();
        each_block(part, [&](std::size_t head, const attend_place& place) { meet(chunk, head, place, finished); });
      }
      if (finished || part + 1 < parts) continue;
      each_block(0, [&](std::size_t head, const attend_place& place) { finish_type(t_, tokens_, head, place).run(); });
      if constexpr (observer::weights) observe_again();
    }
  }

  /// One block and one chunk; the last one if `finished`.
  void meet(const chunk_type& chunk, std::size_t head, const attend_place& place, bool finished) const {
    block_type block(t_, chunk, head, place);
    if (block.sees()) {
      block.scores();
      block.weigh();
      block.values();
    }
    if (!finished) return;
    const finish_type finish(t_, tokens_, head, place);
    finish.run();
    if constexpr (observer::weights) finish.observe(chunk, block);
  }

  /// Final weights need final statistics: with several chunks or parts the scores are made a second time.
  void observe_again() const {
    for (std::size_t part = 0; part < parts; ++part) {
      chunk_type chunk(t_, outer_, part);
      while (chunk.next()) {
        chunk.pack_keys();
        each_block(part, [&](std::size_t head, const attend_place& place) {
          block_type block(t_, chunk, head, place);
          if (!block.sees()) return;
          block.scores();
          if constexpr (normalizer_type::kind == normalizer_kind::exponential) block.weigh_again();
          const finish_type finish(t_, tokens_, head, place);
          finish.find_factors();
          finish.observe(chunk, block);
        });
      }
    }
  }

  /// Normalizers that need whole rows: all scores of one block, then the weights, then the values. Keys of one chunk are packed
  /// once for all blocks; of several, there is one block (`attend_sizes`).
  void run_rows() const {
    chunk_type chunk(t_, outer_, 0);
    const bool one_chunk = t_.sizes.panels <= t_.sizes.chunk;
    if (one_chunk) {
      chunk.take_all(0);
      chunk.pack_keys();
      chunk.pack_values();
    }
    each_block(0, [&](std::size_t head, const attend_place& place) {
      hide_rows(place.count);
      if (one_chunk) {
        block_type block(t_, chunk, head, place);
        if (block.sees()) block.scores();
        weigh_rows(head, place);
        if (block.sees()) block.values();
      } else {
        each_chunk(chunk, [&](std::size_t p) {
          chunk.pack_keys();
          block_type block(t_, chunk, head, place, p * v::size);
          if (block.sees()) block.scores();
        });
        weigh_rows(head, place);
        each_chunk(chunk, [&](std::size_t p) {
          chunk.pack_values();
          const block_type block(t_, chunk, head, place, p * v::size);
          if (block.sees()) block.values();
        });
      }
      const finish_type finish(t_, tokens_, head, place);
      finish.run();
      if constexpr (observer::weights) {
        for (std::size_t p = 0; p < t_.sizes.panels; ++p)
          finish.observe_panel(p, p % t_.sizes.chunk, t_.s.scores + p * v::size);
      }
    });
  }

  template <class F>
  void each_chunk(chunk_type& chunk, F&& f) const {
    for (std::size_t p = 0; p < t_.sizes.panels; p += t_.sizes.chunk) {
      chunk.take_all(p);
      f(p);
    }
  }

  void hide_rows(std::size_t count) const noexcept {
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t k = 0; k < t_.sizes.score_panels * v::size; k += v::size)
        v(-std::numeric_limits<float>::infinity()).store(t_.s.scores + i * t_.sizes.pitch + k);
  }

  void weigh_rows(std::size_t head, const attend_place& place) const {
    auto context = t_.context;
    context.head = head;
    const std::size_t keys = t_.sizes.keys;
    for (std::size_t r = 0; r < place.count; ++r) {
      float* row = t_.s.scores + r * t_.sizes.pitch;
      std::size_t first = 0;  // visible key
      while (first < keys && row[first] == -std::numeric_limits<float>::infinity()) ++first;
      float inverse = 0.0F;
      if (first < keys && tokens_.present(place.q0 + r)) {
        const float sum =
            row_weights<Isa, normalizer_type>::weigh(t_.composition().normalizer(), context, place.q0 + r, row, keys);
        inverse = 1.0F / sum;
      }
      for (std::size_t k = 0; k < t_.sizes.score_panels * v::size; k += v::size) {
        const v w = v::load(row + k);
        const v y = inverse == 0.0F ? v::zero() : select(w == v::zero(), v::zero(), w * v(inverse));
        y.store(row + k);
      }
      for (std::size_t k = keys; k < t_.sizes.score_panels * v::size; ++k) row[k] = 0.0F;
    }
  }
};

}  // namespace heddle::inline v0::detail
