#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "../tracking/tracker.hpp"

namespace track_app {

/// Any tracker of the examples: the boundary behind which compositions, weights and instruction sets stay.
class any_tracker {
 public:
  any_tracker() = default;
  any_tracker(const any_tracker&) = delete;
  any_tracker& operator=(const any_tracker&) = delete;
  virtual ~any_tracker() = default;

  virtual void init(const heddle::examples::frame_view& frame, const heddle::examples::box& target) = 0;
  virtual heddle::examples::track_result track(const heddle::examples::frame_view& frame) = 0;
};

/// How a network is loaded.
struct load_options {
  std::string weights;
  std::size_t threads = 1;
  bool bf16 = false;  ///< products in bfloat16
  bool on_device = false;
};

/// A network that the program knows.
struct model {
  const char* name;
  const char* description;
  double lost_below;  ///< scores below this one mean that the target is not to be seen
  bool has_bf16;
  std::unique_ptr<any_tracker> (*load)(const load_options& o);
  std::unique_ptr<any_tracker> (*load_on_device)(const load_options& o) = nullptr;  ///< null in programs without CUDA
};

/// The networks that were built in: what a program is linked to says which.
const std::vector<model>& models();

/// The network of that name. Throws `examples::user_error`, which lists the others.
const model& find_model(const std::string& name);

/// Reads the weights of `chosen`. Throws `examples::user_error` when the file cannot be read, is damaged, or holds something
/// else, and where the network cannot run as asked for.
std::unique_ptr<any_tracker> load_tracker(const model& chosen, const load_options& o);

}  // namespace track_app
