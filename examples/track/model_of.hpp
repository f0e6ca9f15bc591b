#pragma once

#include <memory>
#include <string>

#include "any_tracker.hpp"
#include "heddle/backend/simd.hpp"
#include "heddle/io/bind.hpp"

namespace track_app {

#if defined(_OPENMP)
using tracking_backend = heddle::simd_on<heddle::openmp>;
inline tracking_backend make_backend(std::size_t threads) { return tracking_backend{heddle::openmp(threads)}; }
#else
using tracking_backend = heddle::simd;
inline tracking_backend make_backend(std::size_t) { return {}; }
#endif

/// A network with its weights and the tracker that runs it.
template <class Network, class Tracker>
class model_of final : public any_tracker {
  static_assert(heddle::examples::box_tracker<Tracker>);
  std::unique_ptr<Network> net_ = std::make_unique<Network>();
  std::unique_ptr<Tracker> tracker_;

 public:
  model_of(const std::string& weights, std::size_t threads) {
    const tracking_backend backend = make_backend(threads);
    heddle::io::bind<tracking_backend>(*net_, heddle::io::safetensors(weights), Network::key_map());
    tracker_ = std::make_unique<Tracker>(*net_, backend);
  }
  void init(const heddle::examples::frame_view& frame, const heddle::examples::box& target) override { tracker_->init(frame, target); }
  heddle::examples::track_result track(const heddle::examples::frame_view& frame) override { return tracker_->track(frame); }
};

}  // namespace track_app
