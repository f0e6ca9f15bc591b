// The few pieces of JSON that servers of benchmarks write. Texts and names are ours: none holds a quotation mark or a backslash.
#pragma once

#include <cstdio>
#include <string>

namespace heddle::bench {

inline std::string figure(double value, const char* format = "%.4g") {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

inline std::string member(const char* name, const std::string& value) {
  return std::string("\"") + name + "\": \"" + value + '"';
}

}  // namespace heddle::bench
