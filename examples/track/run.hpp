#pragma once

#include "options.hpp"

namespace track_app {

/// Follows the target to the last frame (of a camera: until Ctrl-C) and writes what was asked for. Throws
/// `examples::user_error`; then no output file is there, or the older one still is.
void run(const options& o);

}  // namespace track_app
