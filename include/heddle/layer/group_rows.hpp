/// @file
/// The rows of one group of a map, read and written through the index map of its partition.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "../core/view.hpp"

namespace heddle::inline v0::detail {

/// `local[i] = map[tokens[i]]`; a row of zeros where there is no such token. `map` has rows of `Channels` elements.
template <std::size_t Channels>
void gather_group(const float* map, const std::int32_t* tokens, matrix_view<float> local) {
  for (std::size_t i = 0; i < local.extent(0); ++i) {
    float* const row = local.data_handle() + i * Channels;
    if (tokens[i] >= 0) {
      std::memcpy(row, map + static_cast<std::size_t>(tokens[i]) * Channels, Channels * sizeof(float));
    } else {
      std::memset(row, 0, Channels * sizeof(float));
    }
  }
}

/// `map[tokens[i]] = local[i]`, but for tokens that are not there.
template <std::size_t Channels>
void scatter_group(matrix_view<float> local, const std::int32_t* tokens, float* map) {
  for (std::size_t i = 0; i < local.extent(0); ++i)
    if (tokens[i] >= 0)
      std::memcpy(map + static_cast<std::size_t>(tokens[i]) * Channels, local.data_handle() + i * Channels,
                  Channels * sizeof(float));
}

}  // namespace heddle::inline v0::detail
