#include "window.hpp"

#ifdef HEDDLE_TRACK_X11

#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <X11/keysym.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "overlay.hpp"

namespace track_app {

using heddle::examples::box;

struct window::state {
  Display* display = nullptr;
  ::Window handle = 0;
  GC context = nullptr;
  Atom close = 0;
  XImage* pixels = nullptr;
  bool open = true;

  ~state() {
    if (pixels != nullptr) {
      XDestroyImage(pixels);  // its memory too
    }
    if (context != nullptr) {
      XFreeGC(display, context);
    }
    if (display != nullptr) {
      XCloseDisplay(display);
    }
  }

  bool make(const char* title, std::size_t height, std::size_t width) {
    display = XOpenDisplay(nullptr);
    if (display == nullptr) {
      return false;
    }
    const int screen = DefaultScreen(display);
    Visual* const visual = DefaultVisual(display, screen);
    const auto depth = static_cast<unsigned>(DefaultDepth(display, screen));
    if (depth < 24 || visual->red_mask != 0xff0000U || visual->blue_mask != 0xffU) {
      return false;  // pixels of another kind than practically every display of today has
    }
    const auto w = static_cast<unsigned>(width);
    const auto h = static_cast<unsigned>(height);
    handle = XCreateSimpleWindow(display, RootWindow(display, screen), 0, 0, w, h, 0, 0, 0);
    XStoreName(display, handle, title);
    XSizeHints hints{};
    hints.flags = PMinSize | PMaxSize;
    hints.min_width = hints.max_width = static_cast<int>(w);
    hints.min_height = hints.max_height = static_cast<int>(h);
    XSetWMNormalHints(display, handle, &hints);
    close = XInternAtom(display, "WM_DELETE_WINDOW", False);
    XSetWMProtocols(display, handle, &close, 1);
    XSelectInput(display, handle, ExposureMask | KeyPressMask | ButtonPressMask | ButtonReleaseMask | PointerMotionMask);
    context = XCreateGC(display, handle, 0, nullptr);
    auto* const memory = static_cast<char*>(std::malloc(width * height * 4));  // XDestroyImage frees it
    pixels = XCreateImage(display, visual, depth, ZPixmap, 0, memory, w, h, 32, 0);
    XMapWindow(display, handle);
    return pixels != nullptr;
  }

  void put(const examples::image& picture) {
    const bool blue_first = pixels->byte_order == LSBFirst;
    for (std::size_t y = 0; y < picture.height; ++y) {
      const std::uint8_t* from = picture.row(y);
      auto* to = reinterpret_cast<std::uint8_t*>(pixels->data) + y * static_cast<std::size_t>(pixels->bytes_per_line);
      for (std::size_t x = 0; x < picture.width; ++x, from += 3, to += 4) {
        to[blue_first ? 0 : 3] = from[2];
        to[blue_first ? 1 : 2] = from[1];
        to[blue_first ? 2 : 1] = from[0];
        to[blue_first ? 3 : 0] = 0;
      }
    }
    redraw();
  }
  void redraw() {
    XPutImage(display, handle, context, pixels, 0, 0, 0, 0, static_cast<unsigned>(pixels->width),
              static_cast<unsigned>(pixels->height));
    XFlush(display);
  }

  /// Handles what is the same everywhere; the key that was pressed, 0 for none.
  KeySym take(XEvent& event) {
    if (event.type == Expose) {
      redraw();
    } else if (event.type == ClientMessage && static_cast<Atom>(event.xclient.data.l[0]) == close) {
      open = false;
    } else if (event.type == KeyPress) {
      const KeySym key = XLookupKeysym(&event.xkey, 0);
      if (key == XK_Escape || key == XK_q) {
        open = false;
      }
      return key;
    }
    return 0;
  }
};

window::window(std::unique_ptr<state> s) : state_(std::move(s)) {}
window::~window() = default;

std::unique_ptr<window> window::open(const char* title, std::size_t height, std::size_t width) {
  auto s = std::make_unique<state>();
  if (!s->make(title, height, width)) {
    return nullptr;
  }
  return std::unique_ptr<window>(new window(std::move(s)));
}

bool window::show(const examples::image& picture) {
  state_->put(picture);
  while (state_->open && XPending(state_->display) > 0) {
    XEvent event;
    XNextEvent(state_->display, &event);
    state_->take(event);
  }
  return state_->open;
}

std::optional<box> window::drag_box(const examples::image& picture) {
  state_->put(picture);
  examples::image drawn = picture;
  std::optional<box> chosen;
  int from_x = 0;
  int from_y = 0;
  bool dragging = false;
  while (state_->open) {
    XEvent event;
    XNextEvent(state_->display, &event);
    const KeySym key = state_->take(event);
    if (chosen && (key == XK_Return || key == XK_KP_Enter || key == XK_space)) {
      return chosen;
    }
    if (event.type == ButtonPress && event.xbutton.button == Button1) {
      dragging = true;
      from_x = event.xbutton.x;
      from_y = event.xbutton.y;
      continue;
    }
    const bool released = event.type == ButtonRelease && event.xbutton.button == Button1;
    if (!dragging || (event.type != MotionNotify && !released)) {
      continue;
    }
    const int x = released ? event.xbutton.x : event.xmotion.x;
    const int y = released ? event.xbutton.y : event.xmotion.y;
    dragging = !released;
    const box b{static_cast<double>(std::min(x, from_x)), static_cast<double>(std::min(y, from_y)),
                static_cast<double>(std::abs(x - from_x)), static_cast<double>(std::abs(y - from_y))};
    if (b.w < 2 || b.h < 2) {
      continue;  // a click
    }
    chosen = b;
    drawn.bytes = picture.bytes;
    annotate(drawn, b, found_colour, released ? "RETURN: START   DRAG AGAIN TO CHANGE" : "");
    state_->put(drawn);
  }
  return std::nullopt;
}

}  // namespace track_app

#else

namespace track_app {

struct window::state {};
window::window(std::unique_ptr<state> s) : state_(std::move(s)) {}
window::~window() = default;
std::unique_ptr<window> window::open(const char*, std::size_t, std::size_t) { return nullptr; }
bool window::show(const examples::image&) { return true; }
std::optional<heddle::examples::box> window::drag_box(const examples::image&) { return std::nullopt; }

}  // namespace track_app

#endif
