// A case as a source: the composition is written out in types, as a user would, so that the compiler knows what it knows
// there. Any size works, and nothing is slower than in a program of one's own.
#pragma once

#include <string>

#include "case_text.hpp"

namespace heddle::bench {

/// A translation unit that registers the case; to be linked with main.cpp.
std::string case_source(const parsed_case& c);

}  // namespace heddle::bench
