#pragma once

#include "../common/canvas.hpp"
#include "../tracking/box.hpp"

namespace track_app {

inline constexpr examples::colour found_colour{40, 230, 60};
inline constexpr examples::colour lost_colour{240, 60, 40};

/// Draws the outline of a box into an 8-bit RGB picture, thicker on larger ones; what lies outside is left out.
void draw_box(examples::image& picture, const heddle::examples::box& box, examples::colour ink);

/// The box and above the picture's lower edge a line of text.
void annotate(examples::image& picture, const heddle::examples::box& box, examples::colour ink, const char* text);

}  // namespace track_app
