/// @file
/// A line of a kernel's source, for reports.
#pragma once

namespace heddle::inline v0::device::emulation {

/// Where a function of the device layer was called. The built-in functions instead of std::source_location, which
/// Clang 14 lacks.
struct source_line {
  const char* file = "";
  int line = 0;

  static constexpr source_line here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) noexcept {
    return {file, line};
  }
  friend constexpr bool operator==(const source_line&, const source_line&) = default;
};

}  // namespace heddle::inline v0::device::emulation
