#pragma once

#include <cstddef>
#include <functional>

#include "../../common/image.hpp"
#include "network.hpp"
#include "tiling.hpp"

namespace maxsr_app {

/// Receives finished rows from top to bottom: `rows` rows [rows, scale * width, 3] that begin at row `first`.
using row_sink = std::function<void(std::size_t first, std::size_t rows, const float* rgb)>;

/// Told after each tile, from one thread at a time: tiles done and tiles in all.
using tile_progress = std::function<void(std::size_t done, std::size_t total)>;

struct tiled_options {
  tile_options tiles;
  std::size_t threads = 1;
  bool self_ensemble = false;
};

/// What a run costs: tiles, and floating-point operations of the network including those spent on overlaps.
struct tiled_cost {
  std::size_t tiles = 0;
  double flops = 0.0;
};

tiled_cost cost(std::size_t height, std::size_t width, const network& net, const tiled_options& options);

/// Enlarges the colours of a picture (alpha is ignored, grey counts as R = G = B) tile by tile, and hands over rows as they are
/// done.
///
/// A tile's result depends on the tile's pixels alone, tiles are computed in parallel, and blending follows a fixed order: the
/// result has the same bits for every number of threads. Memory beyond the picture: the workers, a few rows of tiles
/// (at least one row, at most four tiles per thread more), and one strip of finished rows, whatever the picture's height.
void upscale_tiled(const examples::image& picture, const network& net, const tiled_options& options, const row_sink& sink,
                   const tile_progress& progress = {});

}  // namespace maxsr_app
