/// @file
/// How `gemm` keeps its weight: panels of vectors of outputs, `[panel][input][columns of the panel]`, then the bias, both
/// padded with zeros to whole vectors. Weights of very few outputs stay row-major.
#pragma once

#include <algorithm>

#include "gemm_tiles.hpp"

namespace heddle::inline v0::detail {

/// Where one panel lies.
struct gemm_panel_place {
  std::size_t first_output;
  std::size_t vectors;
  std::size_t offset;  ///< floats from the start of the weight
};

template <class Isa>
class gemm_packing {
  static constexpr std::size_t lanes = vec<Isa>::size;
  std::size_t inputs_;
  std::size_t vectors_;
  std::size_t fours_ = 0;  ///< panels of four vectors come first, then those of three, of two, then at most one of one
  std::size_t threes_ = 0;

 public:
  static constexpr std::uint32_t format = 0x100u + static_cast<std::uint32_t>(lanes);

  gemm_packing(std::size_t outputs, std::size_t inputs) noexcept : inputs_(inputs), vectors_((outputs + lanes - 1) / lanes) {
    if (gemm_shape<Isa>::widest < 4 || vectors_ < 3) return;
    constexpr std::size_t deepest_four = 64;  // 16 KiB: low tiles read a wide panel often, from the first-level cache only
    const std::size_t rest = vectors_ % 4;
    const bool whole = outputs % lanes == 0;  // a panel that is not goes through a buffer: it should be narrow
    if (inputs <= deepest_four && (vectors_ > 6 || (rest == 0 && whole))) {
      fours_ = rest == 1 ? vectors_ / 4 - 1 : vectors_ / 4;  // 5 = 3 + 2
      threes_ = rest == 1 || rest == 3 ? 1 : 0;
    } else if (vectors_ % 3 == 0) {
      threes_ = vectors_ / 3;
    } else if (vectors_ % 2 != 0 || inputs % 1024 == 0) {  // rows a page apart share cache sets: 9 of them fit, 14 do not
      threes_ = vectors_ % 3 == 2 ? vectors_ / 3 : vectors_ / 3 - 1;  // 5 = 3 + 2, 7 = 3 + 2 + 2
    }
  }

  /// True where lanes run over inputs instead of outputs.
  static constexpr bool narrow(std::size_t outputs, std::size_t inputs) noexcept {
    return outputs <= 4 && 2 * outputs <= lanes && inputs >= 4 * lanes;
  }

  /// Floats of the packed weight without its bias.
  static constexpr std::size_t size(std::size_t outputs, std::size_t inputs) noexcept {
    return (narrow(outputs, inputs) ? outputs : (outputs + lanes - 1) / lanes * lanes) * inputs;
  }

  std::size_t panels() const noexcept { return fours_ + threes_ + (vectors_ - 4 * fours_ - 3 * threes_ + 1) / 2; }

  gemm_panel_place place(std::size_t panel) const noexcept {
    const std::size_t fours = std::min(panel, fours_);
    const std::size_t threes = std::min(panel - fours, threes_);
    const std::size_t start = 4 * fours + 3 * threes + 2 * (panel - fours - threes);
    const std::size_t vectors = panel < fours_ ? 4 : panel < fours_ + threes_ ? 3 : std::min<std::size_t>(2, vectors_ - start);
    return {start * lanes, vectors, start * lanes * inputs_};
  }

  static dense_weight prepare(matrix_view<const float> weight, std::span<const float> bias) {
    const std::size_t outputs = weight.extent(0);
    const std::size_t inputs = weight.extent(1);
    const std::size_t count = (size(outputs, inputs) + 15) / 16 * 16;
    aligned_bytes memory((count + (outputs + lanes - 1) / lanes * lanes) * sizeof(float));
    float* const data = reinterpret_cast<float*>(memory.data());
    if (narrow(outputs, inputs)) {
      for (std::size_t n = 0; n < outputs; ++n)
        for (std::size_t k = 0; k < inputs; ++k) data[n * inputs + k] = weight(n, k);
    } else {
      const gemm_packing packing(outputs, inputs);
      for (std::size_t p = 0; p < packing.panels(); ++p) pack(weight, packing.place(p), data);
    }
    std::copy(bias.begin(), bias.end(), data + count);
    return {outputs, inputs, data, data + count, format, std::move(memory)};
  }

  /// Floats of the packed weight and of a bias of zeros.
  static constexpr std::size_t size_in(std::size_t outputs, std::size_t inputs) noexcept {
    return (size(outputs, inputs) + 15) / 16 * 16 + (outputs + lanes - 1) / lanes * lanes;
  }

  static dense_weight prepare_in(matrix_view<const float> weight, float* storage) {
    const std::size_t outputs = weight.extent(0);
    const std::size_t inputs = weight.extent(1);
    std::fill_n(storage, outputs % lanes == 0 ? 0 : size_in(outputs, inputs), 0.0f);  // lanes that no output fills
    float* const bias = storage + (size(outputs, inputs) + 15) / 16 * 16;
    std::fill_n(bias, (outputs + lanes - 1) / lanes * lanes, 0.0f);
    if (narrow(outputs, inputs)) {
      for (std::size_t n = 0; n < outputs; ++n)
        for (std::size_t k = 0; k < inputs; ++k) storage[n * inputs + k] = weight(n, k);
    } else {
      const gemm_packing packing(outputs, inputs);
      for (std::size_t p = 0; p < packing.panels(); ++p) pack(weight, packing.place(p), storage);
    }
    return {outputs, inputs, storage, bias, format, {}};
  }

  static dense_weight scale_inputs(const dense_weight& weight, std::span<const float> scale, float* storage) {
    const std::size_t inputs = weight.inputs;
    if (narrow(weight.outputs, inputs)) {
      for (std::size_t i = 0; i < weight.outputs * inputs; ++i) storage[i] = weight.data[i] * scale[i % inputs];
    } else {
      const gemm_packing packing(weight.outputs, inputs);
      for (std::size_t p = 0; p < packing.panels(); ++p) {
        const gemm_panel_place place = packing.place(p);
        const float* from = weight.data + place.offset;
        float* to = storage + place.offset;
        for (std::size_t k = 0; k < inputs; ++k) {
          const vec<Isa> factor(scale[k]);
          for (std::size_t j = 0; j < place.vectors; ++j, from += lanes, to += lanes) (vec<Isa>::load(from) * factor).store(to);
        }
      }
    }
    return {weight.outputs, inputs, storage, weight.bias, format, weight.owner};
  }

 private:
  static void pack(matrix_view<const float> weight, const gemm_panel_place& place, float* data) {
    const std::size_t width = place.vectors * lanes;
    const std::size_t used = std::min(width, weight.extent(0) - place.first_output);
    for (std::size_t k = 0; k < weight.extent(1); ++k)
      for (std::size_t c = 0; c < used; ++c) data[place.offset + k * width + c] = weight(place.first_output + c, k);
  }
};

}  // namespace heddle::inline v0::detail
