/// @file
/// What one worker of `attend` needs besides its inputs.
#pragma once

#include <cstddef>
#include <cstdint>

#include <heddle/primitive/attend.hpp>
#include <heddle/reference/attend.hpp>
#include <heddle/simd/attend_softmax.hpp>

namespace heddle::inline v0::detail {

/// Sizes of the parts of the scratch for one shape.
template <class Isa>
struct attend_sizes {
  static constexpr std::size_t width = vec<Isa>::size;
  static constexpr std::size_t block_rows = 32;   ///< queries that share a pass over the keys; a multiple of the tile and of V
  static_assert(block_rows % attend_tile<Isa>::rows == 0 && block_rows % width == 0);
  /// Beyond `whole` keys the scores of a block are made in chunks of `chunk` keys: bounded memory, rescaled sums.
  static constexpr std::size_t whole = 768;
  static constexpr std::size_t chunk = 512;

  std::size_t keys;
  std::size_t queries;
  std::size_t head_dim;
  std::size_t bias_runs;
  std::size_t panels;
  std::size_t chunk_panels;
  std::size_t value_pitch;   ///< head_dim in whole vectors
  std::size_t pitch;         ///< of score rows: not a power of two, so that rows do not fall into one set of the cache

  constexpr explicit attend_sizes(const attend_shape& s) noexcept
      : keys(s.keys), queries(s.queries), head_dim(s.head_dim), bias_runs(s.bias_runs), panels((s.keys + width - 1) / width),
        chunk_panels((s.keys <= whole ? panels * width : chunk) / width), value_pitch((s.head_dim + width - 1) / width * width),
        pitch(chunk_panels * width + 16) {}

  /// Keys whose rows are packed for `attend_columns`.
  constexpr std::size_t short_keys() const noexcept { return keys <= short_problem ? keys : 0; }

  constexpr std::size_t bytes() const noexcept {
    return scratch_bytes<std::int32_t>(queries) + scratch_bytes<std::int32_t>(keys) + scratch_bytes<float>(panels * width) +
           2 * scratch_bytes<std::uint8_t>(panels) + scratch_bytes<panel_run>(chunk_panels) +
           scratch_bytes<float>(panels * width * head_dim) + scratch_bytes<float>(panels * width * value_pitch) +
           scratch_bytes<float>(block_rows * value_pitch) + scratch_bytes<float>(block_rows * pitch) + scratch_bytes<float>(block_rows * width) +
           scratch_bytes<float>(block_rows * value_pitch) + 3 * scratch_bytes<float>(block_rows) + scratch_bytes<float>(width * head_dim) +
           scratch_bytes<float>(bias_runs * block_rows * padded_keys(keys)) +
           scratch_bytes<float>(short_keys() * value_pitch) + plain_scratch_bytes(keys, head_dim);
  }
};

/// The parts themselves.
template <class Isa>
struct attend_scratch {
  std::int32_t* query_tokens;
  std::int32_t* key_tokens;
  float* valid;              ///< `[panels, V]`: 0 for a key that exists, -1 for padding
  std::uint8_t* complete;    ///< `[panels]`: every lane is a key
  std::uint8_t* ask;         ///< `[panels]`: the mask is partial there, for the present block
  panel_run* runs;
  float* keys;               ///< `[panels, head_dim, V]`
  float* values;             ///< `[panels * V, value_pitch]`
  float* queries;            ///< `[block, value_pitch]`
  float* scores;             ///< `[block, pitch]`
  float* row_vectors;        ///< `[block, V]`
  float* sums;               ///< `[block, value_pitch]`
  softmax_rows rows;
  float* stage;              ///< `[V, head_dim]`
  float* bias;               ///< `[bias_runs][block, padded keys]`
  float* key_rows;           ///< `[short_keys, value_pitch]`
  arena plain;

  attend_scratch(arena& memory, const attend_sizes<Isa>& s)
      : query_tokens(memory.take<std::int32_t>(s.queries)), key_tokens(memory.take<std::int32_t>(s.keys)),
        valid(memory.take<float>(s.panels * s.width)), complete(memory.take<std::uint8_t>(s.panels)),
        ask(memory.take<std::uint8_t>(s.panels)), runs(memory.take<panel_run>(s.chunk_panels)),
        keys(memory.take<float>(s.panels * s.width * s.head_dim)), values(memory.take<float>(s.panels * s.width * s.value_pitch)),
        queries(memory.take<float>(s.block_rows * s.value_pitch)), scores(memory.take<float>(s.block_rows * s.pitch)),
        row_vectors(memory.take<float>(s.block_rows * s.width)), sums(memory.take<float>(s.block_rows * s.value_pitch)),
        rows{memory.take<float>(s.block_rows), memory.take<float>(s.block_rows), memory.take<float>(s.block_rows)},
        stage(memory.take<float>(s.width * s.head_dim)),
        bias(memory.take<float>(s.bias_runs * s.block_rows * padded_keys(s.keys))),
        key_rows(memory.take<float>(s.short_keys() * s.value_pitch)), plain(memory) {}
};

}  // namespace heddle::inline v0::detail
