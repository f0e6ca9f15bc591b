#pragma once

#include <cstddef>
#include <memory>

#include "../../../examples/maxsr/app/network.hpp"

namespace stand_in {

/// A network that looks at most `radius` pixels far: each enlarged pixel is the mean of the (2 radius + 1)^2 pixels around its
/// origin, taken in a fixed order, plus a term for its place inside the origin. Positions outside are clamped to the edge.
std::unique_ptr<maxsr_app::network> local_network(std::size_t scale, std::size_t radius);

/// A network that sees all it is given: every enlarged pixel is its origin plus the mean of the whole input.
std::unique_ptr<maxsr_app::network> global_network(std::size_t scale);

}  // namespace stand_in
