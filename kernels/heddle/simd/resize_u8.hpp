/// @file
/// `resize_u8` row by row: the horizontal sums of the rows that an output row reads, then one pass over them. The loops
/// are over contiguous integers, which compilers turn into vectors; results equal those of `reference` bit for bit.
#pragma once

#include <heddle/reference/resize_u8.hpp>

namespace heddle::inline v0 {

template <class Isa, class Executor>
struct kernel<op::resize_u8, simd_backend<Isa, Executor>> {
  using backend_type = simd_backend<Isa, Executor>;
  using input = image_u8_view<const std::uint8_t>;
  using output = image_u8_view<std::uint8_t>;
  static constexpr std::size_t max_taps = 4;

  static std::size_t bytes(const backend_type& backend, const dynamic_extents<3>&, const dynamic_extents<3>& y) {
    return scratch_bytes<detail::fixed_taps>(y.extent(1)) + scratch_bytes<int>(backend.concurrency() * row_ints(y));
  }

  template <class Rule>
  static void run(context<backend_type> ctx, const input& x, const output& y) {
    const std::size_t ints = row_ints(y.extents());
    auto* columns = ctx.scratch.template take<detail::fixed_taps>(y.extent(1));
    int* buffers = ctx.scratch.template take<int>(ctx.backend.concurrency() * ints);
    if (detail::takes_means<Rule>(x, y)) {
      // Sums of floats in a fixed order: the plain loops are the fastest form that keeps their bits.
      ctx.backend.parallel_for(y.extent(0), [&](std::size_t i, std::size_t) {
        for (std::size_t j = 0; j < y.extent(1); ++j)
          for (std::size_t c = 0; c < y.extent(2); ++c) y(i, j, c) = detail::covered_mean(x, y, i, j, c);
      });
      return;
    }
    for (std::size_t j = 0; j < y.extent(1); ++j) columns[j] = Rule::at(j, x.extent(1), y.extent(1));
    ctx.backend.parallel_for(y.extent(0),
                             [&](std::size_t i, std::size_t worker) { row<Rule>(x, y, i, columns, buffers + worker * ints); });
  }

 private:
  static constexpr std::size_t row_ints(const dynamic_extents<3>& y) noexcept {
    return scratch_bytes<int>(max_taps * y.extent(1) * y.extent(2)) / sizeof(int);
  }

  template <class Rule>
  static void row(const input& x, const output& y, std::size_t i, const detail::fixed_taps* columns, int* buffer) {
    const std::size_t channels = y.extent(2);
    const std::size_t count = y.extent(1) * channels;
    const detail::fixed_taps rows = Rule::row_at(i, x.extent(0), y.extent(0));
    for (std::size_t t = 0; t < Rule::taps; ++t) {
      const std::uint8_t* source = x.data_handle() + rows.index[t] * x.extent(1) * channels;
      int* sums = buffer + t * count;
      for (std::size_t j = 0; j < y.extent(1); ++j)
        for (std::size_t c = 0; c < channels; ++c) {
          int sum = 0;
          for (int u = 0; u < Rule::taps; ++u)
            sum += columns[j].weight[u] * static_cast<int>(source[columns[j].index[u] * channels + c]);
          sums[j * channels + c] = sum;
        }
    }
    std::uint8_t* out = y.data_handle() + i * count;
    for (std::size_t k = 0; k < count; ++k) {
      int sums[4] = {};
      for (std::size_t t = 0; t < Rule::taps; ++t) sums[t] = buffer[t * count + k];
      out[k] = detail::combine_fixed<Rule::taps>(sums, rows.weight);
    }
  }
};

}  // namespace heddle::inline v0
