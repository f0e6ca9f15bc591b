// What the pictures are made of. Whole numbers only, so that every machine draws the same bytes.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace pictures {

// Colours that hold on white and on black paper; what is written on them is dark.
inline const std::string ink = "#767c85";
inline const std::string dark = "#20242a";
inline const std::string full_colour = "#4caf7a";
inline const std::string partial_colour = "#f0b13c";
inline const std::string hidden_colour = "#8a909a";
inline const std::string query_colour = "#e4572e";
inline const std::string key_colour = "#7fb2e5";

/// Words with a number behind them. (Piece by piece: GCC 12 warns of its own `operator+`.)
inline std::string numbered(const char* a, const char* b, long long number) {
  std::string text = a;
  text += b;
  text += std::to_string(number);
  return text;
}
inline std::string numbered(const char* a, std::size_t number) { return numbered(a, "", static_cast<long long>(number)); }

inline const std::string& group_colour(std::size_t group) {
  static const std::vector<std::string> colours{"#f28e8e", "#8ec7f2", "#b5dd8a", "#f5c77e", "#c9a7eb", "#7fd6c2",
                                                "#f4a6c8", "#d8c99b", "#9fb3f0", "#e8e07a", "#c8a58a", "#a9dbe8",
                                                "#e3b7a0", "#a4c9a0", "#d6a1d9", "#c3c9d1"};
  return colours[group % colours.size()];
}

inline constexpr std::size_t heat_levels = 9;

/// 0 to 8 for a value from -1 to 1.
inline std::size_t heat_level(double value) {
  const double step = value * 4.0 + 4.5003;  // a little off, so that ties are none
  return step < 0.0 ? 0 : step >= 9.0 ? 8 : static_cast<std::size_t>(step);
}
/// Blue for negative numbers, red for positive ones.
inline const std::string& level_colour(std::size_t level) {
  static const std::vector<std::string> colours{"#2f6fb5", "#5f95cc", "#94badf", "#c5d9ec", "#e9e6df",
                                                "#f3cdb9", "#e89c7f", "#d6694f", "#b33a33"};
  return colours[level];
}

/// One picture, built from left to right.
class canvas {
  std::string body_;
  std::string open_;  ///< colour of the path that is still open
  int width_ = 0;
  int height_ = 0;

  static std::string attribute(const char* name, int value) {
    std::string text = numbered(name, "=\"", value);
    text.insert(text.begin(), ' ');
    text += '"';
    return text;
  }
  void step(char letter, int value) {
    body_ += letter;
    body_ += std::to_string(value);
  }
  /// Boxes of one colour, one after the other, are one path: small files.
  void close() {
    if (!open_.empty()) body_ += "\"/>\n";
    open_.clear();
  }
  void reach(int x, int y) {
    width_ = x > width_ ? x : width_;
    height_ = y > height_ ? y : height_;
  }

 public:
  void box(int x, int y, int w, int h, const std::string& fill, const std::string& more = {}) {
    const std::string colour = fill + '"' + (more.empty() ? "" : ' ' + more);
    if (open_ != colour) {
      close();
      body_ += "<path fill=\"" + colour + " d=\"";
      open_ = colour;
    }
    step('M', x);
    step(' ', y);
    step('h', w);
    step('v', h);
    step('h', -w);
    body_ += 'z';
    reach(x + w, y + h);
  }
  void frame(int x, int y, int w, int h, const std::string& colour, int thickness = 1) {
    std::string stroke = "stroke=\"";
    stroke += colour;
    stroke += '"';
    stroke += attribute("stroke-width", thickness);
    box(x, y, w, h, "none", stroke);
  }
  void words(int x, int y, const std::string& text, const std::string& colour = ink, int size = 11,
             const char* anchor = "start") {
    close();
    body_ += "<text" + attribute("x", x) + attribute("y", y) + attribute("font-size", size) + " fill=\"" + colour +
             "\" text-anchor=\"" + anchor + "\">" + text + "</text>\n";
    reach(anchor[0] == 's' ? x + static_cast<int>(text.size()) * size * 6 / 10 : x, y + 4);
  }
  void line(int x1, int y1, int x2, int y2, const std::string& colour, int thickness = 1) {
    close();
    body_ += "<line" + attribute("x1", x1) + attribute("y1", y1) + attribute("x2", x2) + attribute("y2", y2) + " stroke=\"" +
             colour + '"' + attribute("stroke-width", thickness) + "/>\n";
    reach(x1 > x2 ? x1 : x2, y1 > y2 ? y1 : y2);
  }
  /// `value(row, column)` from -1 to 1 as colours, colour by colour.
  template <class Value>
  void heat(int x, int y, std::size_t rows, std::size_t columns, int cell, Value&& value) {
    for (std::size_t level = 0; level < heat_levels; ++level)
      for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t j = 0; j < columns; ++j)
          if (heat_level(value(i, j)) == level)
            box(x + static_cast<int>(j) * cell, y + static_cast<int>(i) * cell, cell - 1, cell - 1, level_colour(level));
  }
  /// Where the next panel begins.
  int right() const { return width_ == 0 ? 8 : width_ + 24; }

  std::string svg() {
    close();
    const std::string w = std::to_string(width_ + 8);
    const std::string h = std::to_string(height_ + 8);
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + w + "\" height=\"" + h + "\" viewBox=\"0 0 " + w + ' ' + h +
           "\" font-family=\"sans-serif\" stroke=\"none\">\n" + body_ + "</svg>\n";
  }
};

/// File name to content.
using gallery = std::map<std::string, std::string>;

void draw_partitions(gallery& g);
void draw_masks(gallery& g);
void draw_scores(gallery& g);
void draw_weights(gallery& g);
void draw_rows(gallery& g);

}  // namespace pictures
