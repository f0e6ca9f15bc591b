// The same network on a device.
#include "heddle/backend/cuda.hpp"
#include "network_of.hpp"

namespace maxsr_app {

std::unique_ptr<network> load_network_on_device(const std::string& weights_path, std::size_t scale) {
  return load_network_on<heddle::cuda<>>(weights_path, scale);
}

}  // namespace maxsr_app
