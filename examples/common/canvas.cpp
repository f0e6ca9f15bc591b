#include "canvas.hpp"

#include <algorithm>

namespace examples {
namespace {

constexpr std::size_t glyph_rows = 7;
constexpr std::size_t glyph_columns = 5;

struct glyph {
  char letter;
  std::array<std::uint8_t, glyph_rows> rows;  // bit 4 is the leftmost column
};

constexpr glyph font[] = {
    {'0', {0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110}},
    {'1', {0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110}},
    {'2', {0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111}},
    {'3', {0b01110, 0b10001, 0b00001, 0b00110, 0b00001, 0b10001, 0b01110}},
    {'4', {0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010}},
    {'5', {0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110}},
    {'6', {0b01110, 0b10000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110}},
    {'7', {0b11111, 0b00001, 0b00010, 0b00100, 0b00100, 0b01000, 0b01000}},
    {'8', {0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110}},
    {'9', {0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00001, 0b01110}},
    {'A', {0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001}},
    {'B', {0b11110, 0b10001, 0b10001, 0b11110, 0b10001, 0b10001, 0b11110}},
    {'C', {0b01110, 0b10001, 0b10000, 0b10000, 0b10000, 0b10001, 0b01110}},
    {'D', {0b11110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b11110}},
    {'E', {0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111}},
    {'F', {0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b10000}},
    {'G', {0b01110, 0b10001, 0b10000, 0b10111, 0b10001, 0b10001, 0b01110}},
    {'H', {0b10001, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001}},
    {'I', {0b01110, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110}},
    {'J', {0b00001, 0b00001, 0b00001, 0b00001, 0b00001, 0b10001, 0b01110}},
    {'K', {0b10001, 0b10010, 0b10100, 0b11000, 0b10100, 0b10010, 0b10001}},
    {'L', {0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111}},
    {'M', {0b10001, 0b11011, 0b10101, 0b10101, 0b10001, 0b10001, 0b10001}},
    {'N', {0b10001, 0b11001, 0b11001, 0b10101, 0b10011, 0b10011, 0b10001}},
    {'O', {0b01110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110}},
    {'P', {0b11110, 0b10001, 0b10001, 0b11110, 0b10000, 0b10000, 0b10000}},
    {'Q', {0b01110, 0b10001, 0b10001, 0b10001, 0b10101, 0b10010, 0b01101}},
    {'R', {0b11110, 0b10001, 0b10001, 0b11110, 0b10100, 0b10010, 0b10001}},
    {'S', {0b01111, 0b10000, 0b10000, 0b01110, 0b00001, 0b00001, 0b11110}},
    {'T', {0b11111, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100}},
    {'U', {0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110}},
    {'V', {0b10001, 0b10001, 0b10001, 0b10001, 0b01010, 0b01010, 0b00100}},
    {'W', {0b10001, 0b10001, 0b10001, 0b10101, 0b10101, 0b11011, 0b10001}},
    {'X', {0b10001, 0b10001, 0b01010, 0b00100, 0b01010, 0b10001, 0b10001}},
    {'Y', {0b10001, 0b10001, 0b01010, 0b00100, 0b00100, 0b00100, 0b00100}},
    {'Z', {0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b10000, 0b11111}},
    {'.', {0, 0, 0, 0, 0, 0b01100, 0b01100}},
    {'-', {0, 0, 0, 0b11111, 0, 0, 0}},
    {'+', {0, 0b00100, 0b00100, 0b11111, 0b00100, 0b00100, 0}},
    {'/', {0b00001, 0b00010, 0b00010, 0b00100, 0b01000, 0b01000, 0b10000}},
    {'%', {0b11001, 0b11001, 0b00010, 0b00100, 0b01000, 0b10011, 0b10011}},
    {':', {0, 0b01100, 0b01100, 0, 0b01100, 0b01100, 0}},
};

void square(image& canvas, std::size_t y, std::size_t x, std::size_t side, colour value) noexcept {
  const std::size_t bottom = std::min(y + side, canvas.height);
  const std::size_t right = std::min(x + side, canvas.width);
  for (std::size_t row = y; row < bottom; ++row) {
    for (std::size_t column = x; column < right; ++column) {
      std::copy(value.begin(), value.end(), canvas.row(row) + 3 * column);
    }
  }
}

}  // namespace

void fill(image& canvas, colour value) noexcept {
  for (std::size_t i = 0; i < canvas.bytes.size(); ++i) {
    canvas.bytes[i] = value[i % 3];
  }
}

void paste(image& canvas, std::size_t y, std::size_t x, const image& source, std::size_t from_y, std::size_t from_x,
           std::size_t height, std::size_t width, std::size_t zoom) noexcept {
  const bool grey = source.colours() == 1;
  for (std::size_t row = 0; row < height; ++row) {
    for (std::size_t column = 0; column < width; ++column) {
      colour value{};
      for (std::size_t c = 0; c < 3; ++c) {
        value[c] = source.sample8(from_y + row, from_x + column, grey ? 0 : c);
      }
      square(canvas, y + row * zoom, x + column * zoom, zoom, value);
    }
  }
}

void write_text(image& canvas, std::size_t y, std::size_t x, std::string_view text, std::size_t zoom, colour ink) noexcept {
  for (const char letter : text) {
    const char raised = letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
    const auto* found = std::find_if(std::begin(font), std::end(font), [=](const glyph& g) { return g.letter == raised; });
    if (found != std::end(font)) {
      for (std::size_t i = 0; i < glyph_rows * glyph_columns; ++i) {
        const std::size_t row = i / glyph_columns;
        const std::size_t column = i % glyph_columns;
        if ((found->rows[row] >> (glyph_columns - 1 - column) & 1U) != 0) {
          square(canvas, y + row * zoom, x + column * zoom, zoom, ink);
        }
      }
    }
    x += (glyph_columns + 1) * zoom;
  }
}

}  // namespace examples
