// The same network on a device.
#include "heddle/backend/cuda.hpp"
#include "network_of.hpp"

namespace saliency_app {

std::unique_ptr<network> load_network_on_device(const std::string& weights) { return load_network_on<heddle::cuda<>>(weights); }

}  // namespace saliency_app
