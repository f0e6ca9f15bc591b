#include "../romtrack/tracker.hpp"
#include "load.hpp"
#include "model_of.hpp"

namespace track_app {

using namespace heddle::examples;

std::unique_ptr<any_tracker> load_romtrack(const load_options& o) {
  return std::make_unique<model_of<romtrack<romtrack_base>, romtrack_tracker<romtrack_base, tracking_backend>>>(
      o, romtrack_tracking{});
}

}  // namespace track_app
