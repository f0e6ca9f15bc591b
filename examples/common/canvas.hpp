#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "image.hpp"

namespace examples {

using colour = std::array<std::uint8_t, 3>;

/// Fills an 8-bit RGB picture with one colour.
void fill(image& canvas, colour value) noexcept;

/// Copies a height x width part of `source` (any channels and depth; alpha ignored) from (from_y, from_x) to (y, x) of an 8-bit
/// RGB canvas, each pixel as a square of `zoom` pixels. Precondition: it fits both pictures.
void paste(image& canvas, std::size_t y, std::size_t x, const image& source, std::size_t from_y, std::size_t from_x,
           std::size_t height, std::size_t width, std::size_t zoom) noexcept;

/// Writes capital letters, digits and .-+/%: in a 5 x 7 bitmap font (lower case is raised, anything else left blank), 6 * zoom
/// pixels a character. What does not fit the canvas is cut off.
void write_text(image& canvas, std::size_t y, std::size_t x, std::string_view text, std::size_t zoom, colour ink) noexcept;

}  // namespace examples
