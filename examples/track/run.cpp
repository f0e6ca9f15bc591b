#include "run.hpp"

#include <csignal>
#include <cstdio>
#include <memory>

#include "../common/user_error.hpp"
#include "any_tracker.hpp"
#include "boxes_csv.hpp"
#include "frames.hpp"
#include "overlay.hpp"
#include "progress.hpp"
#include "video_writer.hpp"
#include "window.hpp"

namespace track_app {
namespace {

using examples::image;
using examples::user_error;
using heddle::examples::box;
using heddle::examples::frame_view;
using heddle::examples::stage_clock;
using heddle::examples::track_result;

volatile std::sig_atomic_t asked_to_stop = 0;
extern "C" void stop_at_next_frame(int) { asked_to_stop = 1; }

frame_view view_of(const image& picture) { return {picture.bytes.data(), picture.height, picture.width, picture.row_bytes()}; }

/// Everything that is done with a frame and its box afterwards.
class outputs {
  std::unique_ptr<boxes_csv> csv_;
  std::unique_ptr<video_writer> video_;
  std::unique_ptr<window> window_;
  image drawn_;

 public:
  outputs(const options& o, const image& first, double rate, std::unique_ptr<window> open) : window_(std::move(open)) {
    if (!o.csv.empty()) {
      csv_ = std::make_unique<boxes_csv>(o.csv);
    }
    if (!o.video.empty()) {
      video_ = std::make_unique<video_writer>(o.video, first.height, first.width, rate);
    }
    if (video_ || window_) {
      drawn_ = first;
    }
  }

  /// False when the user has closed the window.
  bool write(std::size_t frame, const image& picture, const track_result& r, bool lost, bool broken) {
    if (csv_) {
      csv_->write(frame, r.box, r.score);
    }
    if (!video_ && !window_) {
      return true;
    }
    drawn_.bytes = picture.bytes;
    char text[64];
    std::snprintf(text, sizeof text, "%zu  %.2f%s", frame, r.score, broken ? "  BROKEN FRAME" : lost ? "  LOST" : "");
    annotate(drawn_, r.box, lost ? lost_colour : found_colour, text);
    if (video_) {
      video_->write(drawn_);
    }
    return !window_ || window_->show(drawn_);
  }

  void finish() {
    if (video_) {
      video_->finish();
    }
    if (csv_) {
      csv_->finish();
    }
  }
};

struct counts {
  std::size_t broken = 0;
  std::size_t lost = 0;
};

void summarise(const options& o, const image& picture, const spent_times& spent, const counts& n, const frame_source& source,
               double seconds) {
  const auto frames = static_cast<double>(spent.frames);
  std::printf("%s: %zu frames of %zu x %zu, %.1f frames/s (the tracker alone %.1f)\n", o.input.c_str(), spent.frames,
              picture.width, picture.height, frames / seconds, frames > 1 ? (frames - 1) / spent.tracker.total() : 0.0);
  std::printf("a frame: read %.3f ms, crop %.3f ms, network %.3f ms, decode %.3f ms, write %.3f ms\n",
              1e3 * spent.read / frames, 1e3 * spent.tracker.crop / frames, 1e3 * spent.tracker.network / frames,
              1e3 * spent.tracker.decode / frames, 1e3 * spent.write / frames);
  if (n.lost != 0) {
    std::printf("the target was not to be seen in %zu frames (low score)\n", n.lost);
  }
  if (n.broken != 0) {
    std::printf("%zu frames could not be decoded; they have the box before them and the score 0\n", n.broken);
  }
  if (source.scaled() != 0) {
    std::printf("%zu frames of another size were scaled to that of the first\n", source.scaled());
  }
  if (source.count() > spent.frames && o.frames == 0 && asked_to_stop == 0) {
    std::printf("the video ends early: %zu of %zu frames\n", spent.frames, source.count());
  }
}

box choose_target(const options& o, const image& first, window* open) {
  if (o.target) {
    return *o.target;
  }
  if (open == nullptr) {
    throw user_error("give the target as --box x,y,w,h: there is no display to draw it on");
  }
  const auto drawn = open->drag_box(first);
  if (!drawn) {
    throw user_error("no target was drawn");
  }
  return *drawn;
}

}  // namespace

void run(const options& o) {
  const model& chosen = find_model(o.model);
  const auto tracker = load_tracker(chosen, {o.weights, o.threads, o.bf16, o.on_device});
  const auto source = open_frames(o.input, o.threads);
  image picture;
  spent_times spent;
  counts n;
  stage_clock clock;
  const frame_state opened = source->next(picture);
  if (opened != frame_state::good) {
    throw user_error(o.input + (opened == frame_state::end ? " holds no frames" : ": the first frame cannot be decoded"));
  }
  spent.read += clock.lap();

  std::unique_ptr<window> open;
  if (o.show || !o.target) {
    open = window::open("track", picture.height, picture.width);
  }
  track_result result;
  result.box = choose_target(o, picture, open.get());
  result.score = 1;
  if (!o.show && !(o.video.empty() && o.csv.empty())) {
    open.reset();
  }
  try {
    tracker->init(view_of(picture), result.box);
  } catch (const heddle::error& e) {
    throw user_error(e.what());
  }
  if (source->is_live()) {
    std::signal(SIGINT, stop_at_next_frame);  // the end of a camera: what was asked for is written
  }
  outputs out(o, picture, source->rate(), std::move(open));
  clock.lap();
  stage_clock whole;
  progress line;
  bool going_on = out.write(0, picture, result, false, false);
  spent.write += clock.lap();
  spent.frames = 1;
  while (going_on && asked_to_stop == 0 && (o.frames == 0 || spent.frames < o.frames)) {
    const frame_state state = source->next(picture);
    if (state == frame_state::end) {
      break;
    }
    spent.read += clock.lap();
    const bool broken = state == frame_state::broken;
    if (broken) {
      ++n.broken;
      result.score = 0;
    } else {
      result = tracker->track(view_of(picture));
      spent.tracker += result.times;
    }
    const bool lost = !broken && result.score < chosen.lost_below;
    n.lost += lost ? 1 : 0;
    clock.lap();
    going_on = out.write(spent.frames, picture, result, lost, broken);
    spent.write += clock.lap();
    ++spent.frames;
    line.show(spent, source->count(), result.score);
  }
  out.finish();
  const double seconds = whole.lap();
  summarise(o, picture, spent, n, *source, seconds);
}

}  // namespace track_app
