#include "../vittrack/tracker.hpp"
#include "load.hpp"
#include "model_of.hpp"

namespace track_app {

using namespace heddle::examples;

std::unique_ptr<any_tracker> load_vittrack(const load_options& o) {
  return std::make_unique<model_of<vittrack<>, vittrack_tracker<tracking_backend>>>(o);
}

}  // namespace track_app
