/// @file
/// Memory that kernels of `attend` find filled: tables of relative biases, and outputs of observers that begin as zeros.
#pragma once

#include <cstddef>
#include <cstdint>

#include <heddle/attention/expanded_bias.hpp>
#include <heddle/cuda/device/device.cuh>
#include <heddle/cuda/launch.cuh>

namespace heddle::inline v0::detail {

/// Blocks of a grid-stride loop over `items`, `threads` at a time.
inline unsigned blocks_for(std::size_t items, std::size_t threads) noexcept {
  constexpr std::size_t most = std::size_t{1} << 20U;
  const std::size_t blocks = (items + threads - 1) / threads;
  return static_cast<unsigned>(blocks < most ? blocks : most);
}

/// Writes the table of every relative bias of a composition, an entry for each thread.
template <class Composition>
struct attend_fill_biases {
  static constexpr unsigned threads = 128;
  Composition composition;
  expanded_bias<Composition> bias;

  HEDDLE_DEVICE void operator()() const {
    const std::size_t step = static_cast<std::size_t>(device::grid_size()) * threads;
    for (std::size_t i = static_cast<std::size_t>(device::block_index()) * threads + device::thread(); i < bias.table_size();
         i += step) {
      each_modifier<Composition>([&](auto m) {
        if constexpr (bias_runs<Composition>::template is_bias<m()>)
          bias.fill_entry(composition.template modifier<m()>(), const_cast<float*>(bias.table(m())), i);
      });
    }
  }
};

/// Zeros in a strided array of floats, `[a, b, c, d]`.
struct attend_clear {
  static constexpr unsigned threads = 256;
  float* data;
  std::size_t extents[4];
  std::size_t strides[4];

  HEDDLE_DEVICE void operator()() const {
    const std::size_t items = extents[0] * extents[1] * extents[2] * extents[3];
    const std::size_t step = static_cast<std::size_t>(device::grid_size()) * threads;
    for (std::size_t i = static_cast<std::size_t>(device::block_index()) * threads + device::thread(); i < items; i += step) {
      std::size_t rest = i;
      std::size_t at = 0;
      HEDDLE_DEVICE_UNROLL
      for (unsigned r = 4; r-- > 0;) {
        at += rest % extents[r] * strides[r];
        rest /= extents[r];
      }
      device::store_global(data + at, 0.0F);
    }
  }
};

template <class View>
void clear_view(device::stream s, const View& x) {
  if (x.empty()) return;
  attend_clear f{x.data_handle(), {1, 1, 1, 1}, {0, 0, 0, 0}};
  for (std::size_t r = 0; r < View::rank(); ++r) {
    f.extents[r] = x.extent(r);
    f.strides[r] = x.stride(r);
  }
  device::launch(s, blocks_for(x.size(), attend_clear::threads), 0, f);
}

}  // namespace heddle::inline v0::detail
