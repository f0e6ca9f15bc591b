#include "fit.hpp"

#include "heddle/backend/simd.hpp"
#include "heddle/primitive/resample/resize_u8.hpp"

namespace track_app {

void fit(const examples::image& from, examples::image& to) {
  using namespace heddle;
  const dynamic_extents<3> x(from.height, from.width, 3);
  const dynamic_extents<3> y(to.height, to.width, 3);
  const workspace scratch(resize_u8_bytes(simd{}, x, y));
  resize_u8(context<simd>{simd{}, scratch.scratch()}, image_u8_view<const std::uint8_t>(from.bytes.data(), x),
            image_u8_view<std::uint8_t>(to.bytes.data(), y));
}

}  // namespace track_app
