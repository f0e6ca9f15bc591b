// The matrix products of published networks that benchmarks and comparisons are made on.
#pragma once

#include <cstddef>
#include <string>

namespace heddle::bench {

/// `y = x weight^T`: `[rows, inputs]` by `[outputs, inputs]`.
struct product {
  std::size_t rows, outputs, inputs;

  std::string text() const { return std::to_string(rows) + 'x' + std::to_string(outputs) + 'x' + std::to_string(inputs); }
  /// Its key in the comparison with other libraries.
  std::string key() const { return "gemm" + text(); }
  double flop() const { return 2.0 * static_cast<double>(rows) * static_cast<double>(outputs) * static_cast<double>(inputs); }
  double bytes(std::size_t element) const {
    return static_cast<double>(element) * static_cast<double>(rows * inputs + outputs * inputs + rows * outputs);
  }
};

/// Squares, ViT-B, Swin, MixFormer, MiniLM, a decoding step, and the products inside attention.
inline constexpr product transformer_products[] = {
    {128, 128, 128}, {256, 256, 256}, {512, 512, 512}, {1024, 1024, 1024}, {196, 2304, 768}, {196, 768, 3072}, {196, 3072, 768},
    {196, 768, 768}, {320, 768, 768}, {3136, 96, 96},  {3136, 288, 96},    {65536, 40, 40},  {65536, 160, 40}, {32, 384, 384},
    {32, 1536, 384}, {128, 384, 384}, {1, 4096, 4096}, {49, 49, 32},       {196, 196, 64},   {196, 64, 196},   {64, 64, 16}};

/// Those of MaxSR-light on a 64x64 map.
inline constexpr product maxsr_products[] = {{64, 144, 48},  {144, 144, 48},  {4096, 144, 48}, {64, 48, 48},
                                             {4096, 48, 48}, {4096, 192, 48}, {4096, 48, 192}};

}  // namespace heddle::bench
