#include "../mixformerv2/tracker.hpp"
#include "load.hpp"
#include "model_of.hpp"

namespace track_app {

using namespace heddle::examples;

namespace {

template <mixformerv2_config C>
std::unique_ptr<any_tracker> load(const load_options& o) {
  return std::make_unique<model_of<mixformerv2<C>, mixformerv2_tracker<C, tracking_backend>>>(
      o, mixformerv2_tracking{.search_factor = 5.0});
}

}  // namespace

std::unique_ptr<any_tracker> load_mixformerv2_b(const load_options& o) {
  return o.bf16 ? load<in_bf16(mixformerv2_b)>(o) : load<mixformerv2_b>(o);
}

}  // namespace track_app
