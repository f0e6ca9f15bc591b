/// @file
/// A table that says which blocks of queries see which blocks of keys.
#pragma once

#include <cstdint>
#include <span>

#include "../../core/error.hpp"
#include "../batch.hpp"
#include "../category.hpp"
#include "../context.hpp"

namespace heddle::inline v0 {

/// How the table of `block_sparse` is stored.
enum class block_table {
  bytes,  ///< a byte for each block, 0: not seen
  bits    ///< a bit for each block, rows padded to whole bytes; block j is bit j mod 8 of byte j / 8
};

/// Query `q` sees key `k` where `table[q / BlockQueries, k / BlockKeys]` is not 0 (block-sparse attention, Child et al. 2019;
/// BigBird, Zaheer et al. 2020). Blocks that are not seen are never computed. One table for all, or one for each batch item
/// or head; all groups of a partition share it. `block_sparse<1>` is a mask of single pairs.
/// @throws shape_error (from `attend`) if the table does not have the size that the call needs
template <std::size_t BlockQueries, std::size_t BlockKeys = BlockQueries, block_table Form = block_table::bytes>
struct block_sparse {
  using policy_category = mask_tag;
  static constexpr bool exact_tiles = true;
  static_assert(BlockQueries > 0 && BlockKeys > 0, "heddle::block_sparse: the sides of a block must be positive");

  std::span<const std::uint8_t> table{};  ///< `[batches, heads, ceil(queries / BlockQueries), ceil(keys / BlockKeys)]`
  std::size_t batches = 1;                ///< 1: one table for all batch items
  std::size_t heads = 1;                  ///< 1: one table for all heads

  /// Bytes of the table of one head.
  HEDDLE_HOST_DEVICE static constexpr std::size_t table_bytes(std::size_t queries, std::size_t keys) noexcept {
    return ceil_div(queries, BlockQueries) * row_bytes(keys);
  }

  constexpr void check(const attend_call& call) const {
    if (batches != 1 && batches < call.batch) detail::raise_shape("block_sparse", "batches", call.batch, batches);
    if (heads != 1) require_extent("block_sparse", "heads", call.heads, heads);
    require_extent("block_sparse: table", "bytes", batches * heads * table_bytes(call.queries, call.keys), table.size());
  }

  /// Exact: all blocks that the rectangle touches are looked at.
  template <class Context>
  HEDDLE_HOST_DEVICE constexpr tile classify(const Context& c, std::size_t q0, std::size_t q1, std::size_t k0,
                                             std::size_t k1) const noexcept {
    const std::uint8_t* rows = of(c);
    const std::size_t pitch = row_bytes(c.keys);
    bool any = false;
    bool all = true;
    for (std::size_t i = q0 / BlockQueries; i <= (q1 - 1) / BlockQueries; ++i) {
      for (std::size_t j = k0 / BlockKeys; j <= (k1 - 1) / BlockKeys; ++j) {
        const bool seen = entry(rows + i * pitch, j);
        any = any || seen;
        all = all && seen;
        if (any && !all) return tile::partial;
      }
    }
    return all ? tile::full : tile::skip;
  }

  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr typename batch_traits<T>::mask operator()(const Context& c, T q, T k) const noexcept {
    using traits = batch_traits<T>;
    const std::uint8_t* rows = of(c);
    const std::size_t pitch = row_bytes(c.keys);
    return traits::mask_from_lanes([&](std::size_t lane) {
      const auto i = static_cast<std::size_t>(traits::lane(q, lane));
      const auto j = static_cast<std::size_t>(traits::lane(k, lane));
      return i < c.queries && j < c.keys && entry(rows + i / BlockQueries * pitch, j / BlockKeys);
    });
  }

 private:
  HEDDLE_HOST_DEVICE static constexpr std::size_t ceil_div(std::size_t n, std::size_t d) noexcept { return (n + d - 1) / d; }
  HEDDLE_HOST_DEVICE static constexpr std::size_t row_bytes(std::size_t keys) noexcept {
    const std::size_t columns = ceil_div(keys, BlockKeys);
    return Form == block_table::bytes ? columns : ceil_div(columns, 8);
  }
  HEDDLE_HOST_DEVICE static constexpr bool entry(const std::uint8_t* row, std::size_t j) noexcept {
    return Form == block_table::bytes ? row[j] != 0 : ((row[j / 8] >> (j % 8)) & 1U) != 0;
  }
  template <class Context>
  HEDDLE_HOST_DEVICE constexpr const std::uint8_t* of(const Context& c) const noexcept {
    const std::size_t b = batches == 1 ? 0 : c.batch;
    const std::size_t h = heads == 1 ? 0 : c.head;
    return table.data() + (b * heads + h) * table_bytes(c.queries, c.keys);
  }
};

}  // namespace heddle::inline v0
