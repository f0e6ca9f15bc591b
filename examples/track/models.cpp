#include "any_tracker.hpp"
#include "load.hpp"

namespace track_app {

const std::vector<model>& models() {
  static const std::vector<model> list{
#ifdef HEDDLE_TRACK_HAS_vittrack
      {"vittrack", "ViTTrack, 0.17 million parameters", 0.2, &load_vittrack},
#endif
  };
  return list;
}

}  // namespace track_app
