#pragma once

#include <cstdint>
#include <functional>

#include "../../common/image.hpp"
#include "network.hpp"
#include "tiled.hpp"

namespace maxsr_app {

/// Receives the finished rows in order, as samples of the picture's own channels and depth.
using sample_sink = std::function<void(const std::uint8_t* row)>;

/// Enlarges a picture of any channel count and depth, row by row from top to bottom.
///
/// Colours go through the network; a grey picture is fed as R = G = B and the three results are averaged. Alpha is enlarged by
/// the bicubic rule, apart from the colours. The samples keep the picture's bit depth.
void enlarge(const examples::image& picture, const network& net, const tiled_options& options, const sample_sink& sink,
             const tile_progress& progress = {});

}  // namespace maxsr_app
