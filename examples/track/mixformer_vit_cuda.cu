// MixFormer-ViT on a device.
#include "../mixformer_vit/tracker.hpp"
#include "heddle/backend/cuda.hpp"
#include "load.hpp"
#include "model_on.hpp"

namespace track_app {

using namespace heddle::examples;

std::unique_ptr<any_tracker> load_mixformer_vit_on_device(const load_options& o) {
  using backend = heddle::cuda<>;
  return std::make_unique<model_on<backend, mixformer_vit<mixvit_base>, mixvit_tracker<mixvit_base, backend>>>(
      o, backend{}, mixvit_tracking{});
}

}  // namespace track_app
