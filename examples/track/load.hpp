#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "any_tracker.hpp"

namespace track_app {

// One translation unit a network: they compile side by side.
std::unique_ptr<any_tracker> load_vittrack(const std::string& weights, std::size_t threads);

}  // namespace track_app
