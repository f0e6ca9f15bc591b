/// @file
/// What ROMTrack carries from frame to frame.
#pragma once

#include "config.hpp"
#include "heddle/backend/tags.hpp"
#include "heddle/core/tensor.hpp"
#include "heddle/model/memory_of.hpp"

namespace heddle::examples {

/// The state of `batch` videos: per layer the keys and values of the inherent template (the template alone, which never
/// changes) and the variation tokens (the hybrid template's of the frame before), and the template's patches, from which the
/// hybrid template starts again in every frame. It lies in the memory of `Backend` (the host's for all but devices). Allocates
/// when it is made.
template <romtrack_config C, class Backend = reference>
class romtrack_memory {
  using floats = typename memory_of<Backend>::template tensor_type<float, dynamic_extents<2>>;
  std::size_t batch_;
  floats inherent_;
  floats variation_;
  floats patches_;
  std::size_t variation_tokens_ = 0;
  bool is_set_ = false;

 public:
  explicit romtrack_memory(std::size_t batch = 1)
      : batch_(batch),
        inherent_(dynamic_extents<2>(C.depth, batch * C.template_tokens() * 2 * C.dim)),
        variation_(inherent_.extents()),
        patches_(dynamic_extents<2>(batch * C.template_tokens(), C.dim)) {}

  std::size_t batch() const noexcept { return batch_; }
  bool is_set() const noexcept { return is_set_; }
  /// Variation tokens of a video: none in the first stage of training, as many as the template has in the second.
  std::size_t variation_tokens() const noexcept { return variation_tokens_; }
  void set_variation(bool present) noexcept {
    variation_tokens_ = present ? C.template_tokens() : 0;
    is_set_ = true;
  }

  /// Keys and values of layer `i`, `[batch, template tokens, 2, heads, head_dim]`.
  float* inherent(std::size_t i) noexcept { return inherent_.data() + i * inherent_.extent(1); }
  const float* inherent(std::size_t i) const noexcept { return inherent_.data() + i * inherent_.extent(1); }
  float* variation(std::size_t i) noexcept { return variation_.data() + i * variation_.extent(1); }
  /// Patches of the hybrid template with their positions, `[batch * template tokens, dim]`.
  matrix_view<float> patches() noexcept { return as_rows(patches_.view()); }
};

}  // namespace heddle::examples
