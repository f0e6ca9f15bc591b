#pragma once

#include "../common/image.hpp"

namespace track_app {

/// Scales an 8-bit RGB picture to the size of another, linearly.
void fit(const examples::image& from, examples::image& to);

}  // namespace track_app
