// ROMTrack on a device.
#include "../romtrack/tracker.hpp"
#include "heddle/backend/cuda.hpp"
#include "load.hpp"
#include "model_on.hpp"

namespace track_app {

using namespace heddle::examples;

std::unique_ptr<any_tracker> load_romtrack_on_device(const load_options& o) {
  using backend = heddle::cuda<>;
  return std::make_unique<model_on<backend, romtrack<romtrack_base>, romtrack_tracker<romtrack_base, backend>>>(
      o, backend{}, romtrack_tracking{});
}

}  // namespace track_app
