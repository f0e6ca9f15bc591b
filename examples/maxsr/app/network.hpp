#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace maxsr_app {

/// One worker of a network: the shared weights and a workspace of its own. Not for two threads at a time.
class upscaler {
 public:
  upscaler() = default;
  upscaler(const upscaler&) = delete;
  upscaler& operator=(const upscaler&) = delete;
  virtual ~upscaler() = default;

  /// rgb [height, width, 3] in the scale of [0, 1] -> out [scale * height, scale * width, 3], not clamped.
  /// Precondition: 1 <= height, width <= the largest sides that the worker was made for (in either order). Deterministic: the
  /// same values in give the same bits out.
  virtual void upscale(const float* rgb, std::size_t height, std::size_t width, float* out) = 0;
};

/// What the program knows of a network: the boundary behind which the library's composition, back end and weights stay.
class network {
 public:
  network() = default;
  network(const network&) = delete;
  network& operator=(const network&) = delete;
  virtual ~network() = default;

  /// Enlargement factor, the one its weights were trained for.
  virtual std::size_t scale() const = 0;

  /// For the user, e.g. "MaxSR-light x2, 919395 parameters".
  virtual std::string description() const = 0;

  /// Floating-point operations (a multiply-add is two) of one `upscale` of a height x width picture.
  virtual double flops(std::size_t height, std::size_t width) const = 0;

  /// A worker for pictures of up to `largest_side` x `largest_side`. It may refer to this network, which must outlive it.
  virtual std::unique_ptr<upscaler> make_worker(std::size_t largest_side) const = 0;
};

/// Loads the weights (safetensors). Throws `examples::user_error` when the file cannot be read, is damaged, does not hold this
/// network's parameters, or was trained for another scale. `backend` is "simd", or "cuda" where the program was built with it.
std::unique_ptr<network> load_network(const std::string& weights_path, std::size_t scale, const std::string& backend = "simd");

/// The same on a device; only in programs that were built with CUDA.
std::unique_ptr<network> load_network_on_device(const std::string& weights_path, std::size_t scale);

}  // namespace maxsr_app
