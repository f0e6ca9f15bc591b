/// @file
/// Videos to tokens: one product for every tubelet, a patch through a few frames.
#pragma once

#include <cstring>
#include <vector>

#include "../primitive/each.hpp"
#include "linear.hpp"

namespace heddle::inline v0 {

/// A convolution of a volume whose stride is its window (Arnab et al., ICCV 2021, section 3.2; VideoMAE): clips
/// `[batch, frames, height, width, In]` to tokens `[batch, frames / Frames, height / Patch, width / Patch, C]`, which is also the
/// token sequence in order of time, then raster order. Parameters, stored as those of a convolution: `weight`
/// `[C, In, Frames, Patch, Patch]`, `bias` `[C]`.
///
/// The tubelets of one point in time are brought into rows and multiplied together.
template <std::size_t In, std::size_t C, std::size_t Frames, std::size_t Patch, bool Bias = true>
struct tubelet_embedding {
  static_assert(Frames > 0 && Patch > 0, "heddle::tubelet_embedding: a tubelet has at least one frame and one pixel");
  static constexpr std::size_t inputs = In * Frames * Patch * Patch;
  using volume_extents = dynamic_extents<5>;

  parameter<C, In, Frames, Patch, Patch> weight;
  optional_parameter<Bias, C> bias;
  dense_weight prepared;  ///< made by `prepare`

  static constexpr auto members() {
    return heddle::members<&tubelet_embedding::weight, &tubelet_embedding::bias>("weight", "bias");
  }

  /// @throws shape_error for sides that are not multiples of the tubelet's
  static constexpr volume_extents output_extents(const volume_extents& x) {
    require_extent("tubelet_embedding: x", "channels", In, x.extent(4));
    require_extent("tubelet_embedding: x", "frames, whole tubelets,", x.extent(1) / Frames * Frames, x.extent(1));
    require_extent("tubelet_embedding: x", "rows, whole patches,", x.extent(2) / Patch * Patch, x.extent(2));
    require_extent("tubelet_embedding: x", "columns, whole patches,", x.extent(3) / Patch * Patch, x.extent(3));
    return volume_extents(x.extent(0), x.extent(1) / Frames, x.extent(2) / Patch, x.extent(3) / Patch, C);
  }
  static constexpr std::uint64_t multiply_adds(const volume_extents& x) {
    return std::uint64_t{output_extents(x).size()} * inputs;
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend&, const volume_extents& x) {
    return heddle::scratch_bytes<float>((x.extent(2) / Patch) * (x.extent(3) / Patch) * inputs);
  }

  template <class Backend>
  HEDDLE_COLD void prepare(const Backend& backend) {
    constexpr std::size_t taps = Frames * Patch * Patch;
    std::vector<float> turned(C * inputs);  // channels fastest, as in the rows
    for (std::size_t o = 0; o < C; ++o)
      for (std::size_t i = 0; i < In; ++i)
        for (std::size_t t = 0; t < taps; ++t) turned[o * inputs + t * In + i] = weight.data()[(o * In + i) * taps + t];
    prepared = prepare_dense(backend, make_matrix<const float>(turned.data(), C, inputs), bias.span());
  }

  /// @throws shape_error, weight_error, workspace_error before any work
  template <class Backend>
  void forward(context<Backend> ctx, volume_view<const float> x, volume_view<float> y) const {
    const volume_extents e = output_extents(x.extents());
    constexpr const char* axes[] = {"clips", "points in time", "rows", "columns", "channels"};
    for (std::size_t r = 0; r < 5; ++r) require_extent("tubelet_embedding: y", axes[r], e.extent(r), y.extent(r));
    const std::size_t tubelets = e.extent(2) * e.extent(3);
    const auto rows = make_matrix(ctx.scratch.template take<float>(tubelets * inputs), tubelets, inputs);
    const std::size_t frames = Frames * x.extent(2) * x.extent(3) * In;  // floats of one point in time
    for (std::size_t t = 0; t < e.extent(0) * e.extent(1); ++t) {
      if constexpr (prefers_whole_maps<Backend>) {
        each(ctx, tubelets * inputs,
             tubelet_element{x.data_handle() + t * frames, rows.data_handle(), x.extent(2), x.extent(3)});
      } else {
        copy_tubelets(ctx.backend, x.data_handle() + t * frames, x.extents(), rows);
      }
      gemm(ctx, as_const(rows), prepared, make_matrix(y.data_handle() + t * tubelets * C, tubelets, C));
    }
  }

  /// One number of the tubelets of a point in time.
  struct tubelet_element {
    const float* frames;
    float* to;
    std::size_t height;
    std::size_t width;
    HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
      constexpr std::size_t run = Patch * In;
      const std::size_t tubelet = i / inputs;
      const std::size_t across = width / Patch;
      const std::size_t frame = i % inputs / (Patch * run);
      const std::size_t row = tubelet / across * Patch + i % inputs / run % Patch;
      to[i] = frames[((frame * height + row) * width + tubelet % across * Patch) * In + i % run];
    }
  };

 private:
  template <class Backend>
  static void copy_tubelets(const Backend& backend, const float* frames, const volume_extents& e,
                            const matrix_view<float>& rows) {
    const std::size_t columns = e.extent(3) / Patch;
    constexpr std::size_t run = Patch * In;  // floats that lie together in frame and tubelet
    backend.parallel_for(e.extent(2) / Patch, [&](std::size_t band, std::size_t) {
      for (std::size_t f = 0; f < Frames; ++f)
        for (std::size_t y = 0; y < Patch; ++y) {
          const float* from = frames + ((f * e.extent(2) + band * Patch + y) * e.extent(3)) * In;
          float* to = rows.data_handle() + band * columns * inputs + (f * Patch + y) * run;
          for (std::size_t i = 0; i < columns; ++i, from += run, to += inputs) std::memcpy(to, from, run * sizeof(float));
        }
    });
  }
};

}  // namespace heddle::inline v0
