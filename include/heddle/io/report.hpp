/// @file
/// Texts of error reports: problems counted, names quoted, shapes written out.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../config.hpp"

namespace heddle::inline v0::io {
namespace detail {

/// Its pieces one after the other. (Chains of `operator+` cost every user of the header a noticeable part of a second.)
HEDDLE_COLD inline std::string concat(std::initializer_list<std::string_view> pieces) {
  std::string text;
  for (const std::string_view piece : pieces) text.append(piece.data(), piece.size());
  return text;
}

}  // namespace detail

/// "[64, 48, 3, 3]"
HEDDLE_COLD inline std::string to_string(std::span<const std::size_t> shape) {
  std::string text(1, '[');
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i != 0) text.append(", ");
    text.append(std::to_string(shape[i]));
  }
  text.push_back(']');
  return text;
}

namespace detail {

/// A name from a file between quotes, fit for a terminal: control characters escaped, long names cut.
HEDDLE_COLD inline std::string quoted(std::string_view name) {
  constexpr std::size_t longest = 200;
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text = "\"";
  for (const char c : name.substr(0, longest)) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x20 || u == 0x7f) {
      text += "\\x";
      text += digits[u >> 4];
      text += digits[u & 15];
    } else {
      text += c;
    }
  }
  text.append(name.size() > longest ? "...\"" : "\"");
  return text;
}

/// "1 problem", "3 problems"
HEDDLE_COLD inline std::string counted(std::size_t count, std::string_view what) {
  return concat({std::to_string(count), " ", what, count == 1 ? "" : "s"});
}

/// Collects the problems of one file. Every one is counted; the first hundred are kept, so that a hostile file cannot
/// make the report as large as itself.
class problem_list {
  static constexpr std::size_t kept = 100;
  std::vector<std::string> lines_{};
  std::size_t count_ = 0;

 public:
  HEDDLE_COLD void add(std::string line) {
    if (count_++ < kept) lines_.push_back(std::move(line));
  }
  bool empty() const noexcept { return count_ == 0; }
  std::size_t size() const noexcept { return count_; }

  /// One indented line per problem.
  HEDDLE_COLD std::string text() const {
    std::string all;
    for (const std::string& line : lines_) all.append("\n  ").append(line);
    if (count_ > kept) all.append(concat({"\n  and ", std::to_string(count_ - kept), " more"}));
    return all;
  }
};

}  // namespace detail
}  // namespace heddle::inline v0::io
