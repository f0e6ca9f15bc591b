// ViTTrack on a device.
#include "../vittrack/tracker.hpp"
#include "heddle/backend/cuda.hpp"
#include "load.hpp"
#include "model_on.hpp"

namespace track_app {

using namespace heddle::examples;

std::unique_ptr<any_tracker> load_vittrack_on_device(const load_options& o) {
  using backend = heddle::cuda<>;
  return std::make_unique<model_on<backend, vittrack<>, vittrack_tracker<backend>>>(o, backend{});
}

}  // namespace track_app
