/// @file
/// A string as a template argument: `named<"norm", ...>`.
#pragma once

#include <cstddef>
#include <string_view>

namespace heddle::inline v0 {

/// Characters of a string literal, usable as a template argument.
template <std::size_t Size>
struct fixed_string {
  char characters[Size]{};
  constexpr fixed_string(const char (&text)[Size]) noexcept {
    for (std::size_t i = 0; i < Size; ++i) characters[i] = text[i];
  }
  constexpr std::string_view view() const noexcept { return {characters, Size - 1}; }
};

/// A ratio as a template argument, for numbers that some compilers do not accept as floating-point arguments:
/// `ratio{1, 100000}` is 1e-5.
struct ratio {
  std::size_t numerator = 0;
  std::size_t denominator = 1;
  constexpr double value() const noexcept { return static_cast<double>(numerator) / static_cast<double>(denominator); }
};

}  // namespace heddle::inline v0
