#pragma once

#include <memory>
#include <utility>

#include "any_tracker.hpp"
#include "heddle/io/bind.hpp"

namespace track_app {

/// A network with its weights and the tracker that runs it on `Backend`.
template <class Backend, class Network, class Tracker>
class model_on final : public any_tracker {
  static_assert(heddle::examples::box_tracker<Tracker>);
  std::unique_ptr<Network> net_ = std::make_unique<Network>();
  std::unique_ptr<Tracker> tracker_;

  static heddle::io::key_map names() {
    if constexpr (requires { Network::key_map(); }) {
      return Network::key_map();
    } else {
      return {};  // the network is called as its weights are
    }
  }

 public:
  /// `options` are those of the tracker, where it has some.
  template <class... Options>
  model_on(const load_options& o, const Backend& backend, Options&&... options) {
    heddle::io::bind<Backend>(*net_, heddle::io::safetensors(o.weights), names());
    tracker_ = std::make_unique<Tracker>(*net_, std::forward<Options>(options)..., backend);
  }
  void init(const heddle::examples::frame_view& frame, const heddle::examples::box& target) override {
    tracker_->init(frame, target);
  }
  heddle::examples::track_result track(const heddle::examples::frame_view& frame) override { return tracker_->track(frame); }
};

}  // namespace track_app
