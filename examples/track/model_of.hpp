#pragma once

#include <memory>
#include <utility>

#include "heddle/backend/simd.hpp"
#include "model_on.hpp"

namespace track_app {

#if defined(_OPENMP)
using tracking_backend = heddle::simd_on<heddle::openmp>;
inline tracking_backend make_backend(std::size_t threads) { return tracking_backend{heddle::openmp(threads)}; }
#else
using tracking_backend = heddle::simd;
inline tracking_backend make_backend(std::size_t) { return {}; }
#endif

/// A network with its weights and the tracker that runs it on the processor. `options` are those of the tracker, where it has
/// some.
template <class Network, class Tracker>
class model_of final : public any_tracker {
  model_on<tracking_backend, Network, Tracker> model_;

 public:
  template <class... Options>
  explicit model_of(const load_options& o, Options&&... options)
      : model_(o, make_backend(o.threads), std::forward<Options>(options)...) {}
  void init(const heddle::examples::frame_view& frame, const heddle::examples::box& target) override {
    model_.init(frame, target);
  }
  heddle::examples::track_result track(const heddle::examples::frame_view& frame) override { return model_.track(frame); }
};

}  // namespace track_app
