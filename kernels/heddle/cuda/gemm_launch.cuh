/// @file
/// The kernel of matrix products, and which tile a shape gets.
#pragma once

#include <heddle/core/error.hpp>
#include <heddle/cuda/launch.cuh>

#include "gemm_epilogue.cuh"
#include "gemm_loop.cuh"

namespace heddle::inline v0 {

namespace device {

/// A product: every block computes one tile.
template <class Tile, class Products, class Source, class Epilogue>
struct product_tiles {
  static constexpr unsigned threads = Tile::threads;
  Source x;
  weight_source<typename Products::weight_element> weights;
  tile_order order;
  Epilogue epilogue;

  HEDDLE_DEVICE void operator()() const {
    const tile_order::place place = order.at(static_cast<std::uint32_t>(block_index()));
    const std::int64_t first_row = static_cast<std::int64_t>(place.row) * Tile::rows;
    const std::uint32_t first_output = place.column * Tile::columns;
    sum_tile<Tile, Products, Source>(x, weights, first_row, first_output, shared_base());
    epilogue.template run<Tile>(shared_base(), first_row, first_output);
  }
};

/// Tiles of one kind that cover `rows x outputs`.
template <class Tile>
constexpr tile_order tiles_of(std::int64_t rows, std::uint32_t outputs) noexcept {
  return {static_cast<std::uint32_t>((rows + Tile::rows - 1) / Tile::rows), (outputs + Tile::columns - 1) / Tile::columns};
}

/// Which tiles a product gets. Depends on the shape alone: the same bits on every device.
enum class tile_choice : unsigned char { large, medium, small };

constexpr tile_choice choose_tile(std::int64_t rows, std::uint32_t outputs) noexcept {
  constexpr std::uint64_t processors = 120;  // of an A100 108, of an H100 132
  const auto count = [](tile_order t) { return std::uint64_t{t.row_tiles} * t.column_tiles; };
  if (rows > 64 && outputs > 64 && count(tiles_of<large_tile>(rows, outputs)) >= processors) return tile_choice::large;
  if (rows > 32 && count(tiles_of<medium_tile>(rows, outputs)) >= processors) return tile_choice::medium;
  return tile_choice::small;
}

template <class Tile, class Products, class Source, class Epilogue>
void launch_tiles(stream s, const Source& x, const weight_source<typename Products::weight_element>& weights,
                  const Epilogue& epilogue) {
  const tile_order order = tiles_of<Tile>(epilogue.rows, epilogue.outputs);
  const std::uint64_t blocks = std::uint64_t{order.row_tiles} * order.column_tiles;
  launch(s, blocks, ring<Tile, Products>::bytes, product_tiles<Tile, Products, Source, Epilogue>{x, weights, order, epilogue});
}

/// Enqueues `epilogue(x * weights)`.
template <class Products, class Source, class Epilogue>
void enqueue_product(stream s, const Source& x, const weight_source<typename Products::weight_element>& weights,
                     const Epilogue& epilogue) {
  if (epilogue.rows == 0 || epilogue.outputs == 0) return;
  switch (choose_tile(epilogue.rows, epilogue.outputs)) {
    case tile_choice::large:
      return launch_tiles<large_tile, Products>(s, x, weights, epilogue);
    case tile_choice::medium:
      return launch_tiles<medium_tile, Products>(s, x, weights, epilogue);
    case tile_choice::small:
      return launch_tiles<small_tile, Products>(s, x, weights, epilogue);
  }
}

}  // namespace device

}  // namespace heddle::inline v0
