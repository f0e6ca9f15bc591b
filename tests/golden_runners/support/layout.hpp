// Goldens store maps as [batch, channels, height, width]; the library works in token order [batch, height, width, channels].
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <heddle/io/safetensors.hpp>
#include <heddle/primitive/convolve.hpp>

namespace heddle::golden {

using map_tensor = tensor<float, dynamic_extents<4>>;

/// From `[batch, channels, height, width]` of the given shape.
inline map_tensor to_token_order(std::span<const float> values, std::span<const std::size_t> shape) {
  map_tensor result(dynamic_extents<4>(shape[0], shape[2], shape[3], shape[1]));
  std::size_t i = 0;
  for (std::size_t b = 0; b < shape[0]; ++b)
    for (std::size_t c = 0; c < shape[1]; ++c)
      for (std::size_t y = 0; y < shape[2]; ++y)
        for (std::size_t x = 0; x < shape[3]; ++x) result(b, y, x, c) = values[i++];
  return result;
}

/// To `[batch, channels, height, width]`.
inline std::vector<float> to_file_order(const map_view<const float>& map) {
  std::vector<float> values;
  values.reserve(map.size());
  for (std::size_t b = 0; b < map.extent(0); ++b)
    for (std::size_t c = 0; c < map.extent(3); ++c)
      for (std::size_t y = 0; y < map.extent(1); ++y)
        for (std::size_t x = 0; x < map.extent(2); ++x) values.push_back(map(b, y, x, c));
  return values;
}

}  // namespace heddle::golden
