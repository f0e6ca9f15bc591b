#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace saliency_app {

inline constexpr std::size_t side = 224;    ///< of the picture that the network sees
inline constexpr std::size_t patches = 16;  ///< along a side

/// What the network made of a picture.
struct result {
  std::vector<float> map;            ///< `[side, side]`, 0..1
  std::vector<std::int32_t> origin;  ///< token of each patch, row by row
  std::size_t tokens = 0;            ///< behind the last layer, the class token among them
  double multiply_adds = 0.0;        ///< of the trunk
  double milliseconds = 0.0;         ///< of the fastest of the repeated runs
};

/// The boundary to the library: one trained network on one thread or device.
class network {
 public:
  network() = default;
  network(const network&) = delete;
  network& operator=(const network&) = delete;
  virtual ~network() = default;

  /// Importance of the pixels of `rgb` (`[side, side, 3]`) with `merged` tokens merged away in every layer.
  virtual result run(const std::vector<std::uint8_t>& rgb, std::size_t merged, std::size_t repetitions) = 0;
};

/// `backend` is "simd", or "cuda" where the program was built with it. Throws `examples::user_error` for another one, and for
/// a file that is missing or holds other weights.
std::unique_ptr<network> load_network(const std::string& weights, const std::string& backend = "simd");

/// The same on a device; only in programs that were built with CUDA.
std::unique_ptr<network> load_network_on_device(const std::string& weights);

}  // namespace saliency_app
