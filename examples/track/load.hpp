#pragma once

#include <memory>

#include "any_tracker.hpp"

namespace track_app {

// One translation unit a network: they compile side by side.
std::unique_ptr<any_tracker> load_vittrack(const load_options& o);
std::unique_ptr<any_tracker> load_mixformerv2_s(const load_options& o);
std::unique_ptr<any_tracker> load_mixformerv2_b(const load_options& o);
std::unique_ptr<any_tracker> load_mixformer_vit(const load_options& o);
std::unique_ptr<any_tracker> load_romtrack(const load_options& o);

// On a device; only in programs that were built with CUDA.
std::unique_ptr<any_tracker> load_vittrack_on_device(const load_options& o);
std::unique_ptr<any_tracker> load_mixformerv2_s_on_device(const load_options& o);
std::unique_ptr<any_tracker> load_mixformerv2_b_on_device(const load_options& o);
std::unique_ptr<any_tracker> load_mixformer_vit_on_device(const load_options& o);
std::unique_ptr<any_tracker> load_romtrack_on_device(const load_options& o);

}  // namespace track_app
