// The boundary between the programs and the library: which backend.
#include "heddle/backend/simd.hpp"
#include "network_of.hpp"

namespace maxsr_app {

std::unique_ptr<network> load_network(const std::string& weights_path, std::size_t scale, const std::string& backend) {
  if (backend == "cuda") {
#if defined(HEDDLE_NETWORK_CUDA)
    return load_network_on_device(weights_path, scale);
#else
    throw examples::user_error("this program was built without CUDA: configure with -DHEDDLE_CUDA=ON");
#endif
  }
  if (backend != "simd") throw examples::user_error("no backend is called " + backend + "; there are simd and cuda");
  return load_network_on<heddle::simd>(weights_path, scale);
}

}  // namespace maxsr_app
