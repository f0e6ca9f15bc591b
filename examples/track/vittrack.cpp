#include "../vittrack/tracker.hpp"
#include "load.hpp"
#include "model_of.hpp"

namespace track_app {

std::unique_ptr<any_tracker> load_vittrack(const std::string& weights, std::size_t threads) {
  using namespace heddle::examples;
  return std::make_unique<model_of<vittrack<>, vittrack_tracker<tracking_backend>>>(weights, threads);
}

}  // namespace track_app
