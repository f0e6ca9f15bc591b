#include "any_tracker.hpp"
#include "load.hpp"

#if defined(HEDDLE_TRACK_CUDA)
#define HEDDLE_TRACK_ON_DEVICE(function) &function
#else
#define HEDDLE_TRACK_ON_DEVICE(function) nullptr
#endif

namespace track_app {

const std::vector<model>& models() {
  static const std::vector<model> list{
#ifdef HEDDLE_TRACK_HAS_vittrack
      {"vittrack", "ViTTrack, 0.17 million parameters", 0.2, false, &load_vittrack,
       HEDDLE_TRACK_ON_DEVICE(load_vittrack_on_device)},
#endif
#ifdef HEDDLE_TRACK_HAS_mixformerv2_s
      {"mixformerv2_s", "MixFormerV2-S, 16 million parameters", 0.5, true, &load_mixformerv2_s,
       HEDDLE_TRACK_ON_DEVICE(load_mixformerv2_s_on_device)},
#endif
#ifdef HEDDLE_TRACK_HAS_mixformerv2_b
      {"mixformerv2_b", "MixFormerV2-B, 59 million parameters", 0.5, true, &load_mixformerv2_b,
       HEDDLE_TRACK_ON_DEVICE(load_mixformerv2_b_on_device)},
#endif
#ifdef HEDDLE_TRACK_HAS_mixformer_vit
      {"mixformer_vit", "MixFormer-ViT-B with online templates", 0.5, false, &load_mixformer_vit,
       HEDDLE_TRACK_ON_DEVICE(load_mixformer_vit_on_device)},
#endif
#ifdef HEDDLE_TRACK_HAS_romtrack
      {"romtrack", "ROMTrack (base, 256 pixels)", 0.2, false, &load_romtrack, HEDDLE_TRACK_ON_DEVICE(load_romtrack_on_device)},
#endif
  };
  return list;
}

}  // namespace track_app
