#pragma once

#include <memory>
#include <optional>

#include "../common/image.hpp"
#include "../tracking/box.hpp"

namespace track_app {

/// A window on the user's display (X11).
class window {
 public:
  window(const window&) = delete;
  window& operator=(const window&) = delete;
  ~window();

  /// A window for pictures of this size; none where the program was built without X11 or there is no display.
  static std::unique_ptr<window> open(const char* title, std::size_t height, std::size_t width);

  /// Shows an 8-bit RGB picture; false when the user has closed the window or pressed q or Escape.
  bool show(const examples::image& picture);

  /// Lets the user draw a box with the mouse, again and again until Return or Space takes it; none when the window was closed.
  std::optional<heddle::examples::box> drag_box(const examples::image& picture);

 private:
  struct state;
  std::unique_ptr<state> state_;
  explicit window(std::unique_ptr<state> s);
};

}  // namespace track_app
