#pragma once

#include <cstddef>
#include <string>

#include "../common/atomic_file.hpp"
#include "../tracking/box.hpp"

namespace track_app {

/// A table `frame,x,y,w,h,score` that appears whole or not at all.
class boxes_csv {
  examples::atomic_file file_;

 public:
  /// Throws `examples::user_error` when the file cannot be written.
  explicit boxes_csv(const std::string& path);

  void write(std::size_t frame, const heddle::examples::box& box, double score);
  void finish();
};

}  // namespace track_app
