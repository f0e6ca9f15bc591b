#include "../mixformer_vit/tracker.hpp"
#include "load.hpp"
#include "model_of.hpp"

namespace track_app {

using namespace heddle::examples;

std::unique_ptr<any_tracker> load_mixformer_vit(const load_options& o) {
  return std::make_unique<model_of<mixformer_vit<mixvit_base>, mixvit_tracker<mixvit_base, tracking_backend>>>(
      o, mixvit_tracking{});
}

}  // namespace track_app
