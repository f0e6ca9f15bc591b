// A network that needs no weights and no time: the box moves a pixel to the right in every frame, and the score is the
// brightness of the frame's first pixel. Its weights are any file that begins with "ok".
#include <cstdio>

#include "heddle/core/error.hpp"
#include "track/any_tracker.hpp"

namespace track_app {
namespace {

using namespace heddle::examples;

class stand_in final : public any_tracker {
  box target_{};

 public:
  void init(const frame_view& frame, const box& target) override {
    require_target(frame, target);
    target_ = target;
  }
  track_result track(const frame_view& frame) override {
    target_.x += 1;
    return {target_, static_cast<double>(frame.data[0]) / 255.0, {}};
  }
};

std::unique_ptr<any_tracker> load(const load_options& o) {
  const std::string& weights = o.weights;
  std::FILE* const file = std::fopen(weights.c_str(), "rb");
  if (file == nullptr) throw heddle::file_error(weights + ": cannot be read");
  char beginning[2] = {};
  const bool fits = std::fread(beginning, 1, 2, file) == 2 && beginning[0] == 'o' && beginning[1] == 'k';
  std::fclose(file);
  if (!fits) throw heddle::weight_error(weights + " does not fit\n  missing: everything\n  missing: the rest");
  return std::make_unique<stand_in>();
}

}  // namespace

const std::vector<model>& models() {
  static const std::vector<model> list{{"vittrack", "a stand-in", 0.2, false, &load}};
  return list;
}

}  // namespace track_app
