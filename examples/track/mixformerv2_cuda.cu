// MixFormerV2 on a device.
#include "../mixformerv2/tracker.hpp"
#include "heddle/backend/cuda.hpp"
#include "load.hpp"
#include "model_on.hpp"

namespace track_app {

using namespace heddle::examples;

namespace {

template <mixformerv2_config C>
std::unique_ptr<any_tracker> load(const load_options& o, const mixformerv2_tracking& options) {
  using backend = heddle::cuda<>;
  return std::make_unique<model_on<backend, mixformerv2<C>, mixformerv2_tracker<C, backend>>>(o, backend{}, options);
}

}  // namespace

std::unique_ptr<any_tracker> load_mixformerv2_s_on_device(const load_options& o) {
  const mixformerv2_tracking options{.search_factor = 4.55};
  return o.bf16 ? load<in_bf16(mixformerv2_s)>(o, options) : load<mixformerv2_s>(o, options);
}

std::unique_ptr<any_tracker> load_mixformerv2_b_on_device(const load_options& o) {
  const mixformerv2_tracking options{.search_factor = 5.0};
  return o.bf16 ? load<in_bf16(mixformerv2_b)>(o, options) : load<mixformerv2_b>(o, options);
}

}  // namespace track_app
