#pragma once

#include <cstddef>
#include <memory>

#include "network.hpp"

namespace maxsr_app {

/// A worker that averages the network over the eight flips and quarter turns of its input, each turned back (self-ensemble):
/// eight times the work.
std::unique_ptr<upscaler> make_ensemble(const network& net, std::size_t largest_side);

}  // namespace maxsr_app
