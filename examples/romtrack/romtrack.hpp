/// @file
/// ROMTrack: a single-object tracker with an inherent template, a hybrid template and variation tokens (Cai et al., ICCV 2023,
/// arXiv 2308.05140).
#pragma once

#include <algorithm>

#include "encoder.hpp"
#include "heddle/head/center.hpp"
#include "heddle/io/key_map.hpp"

namespace heddle::examples {

/// The network. A template is set once; every search region gives the maps of the centre head, which `decode_center` makes
/// a box of.
template <romtrack_config C>
struct romtrack {
  static_assert(C.head_channels % 8 == 0,
                "romtrack: the head halves its channels three times, so they must be a multiple of 8");
  static constexpr romtrack_config config = C;
  using encoder_type = romtrack_encoder<C>;
  using memory_type = romtrack_memory<C>;  ///< on the host; devices keep theirs in `romtrack_memory<C, Backend>`
  template <std::size_t Channels>
  using head_norm = batch_norm<Channels, C.batch_norm_epsilon>;
  static constexpr center_channels head_channels{C.head_channels, C.head_channels / 2, C.head_channels / 4,
                                                 C.head_channels / 8};
  using head_type = center_head<C.dim, head_channels, head_norm>;

  encoder_type encoder;
  head_type head;

  static constexpr auto members() { return heddle::members<&romtrack::encoder, &romtrack::head>("encoder", "head"); }

  /// From the names of this composition to those of the official weights.
  static io::key_map key_map() {
    io::key_map map;
    for (const char* branch : {"ctr", "offset", "size"})
      for (const char* name : {"conv1", "conv2", "conv3", "conv4", "conv5"}) {
        const std::string from = std::string("head.") + branch + '.' + name;
        const std::string to = std::string("head.") + name + '_' + branch;
        const bool last = name[4] == '5';
        if (!last) map.rename(from + ".norm", to + ".1");
        map.rename(from, last ? to : to + ".0");
      }
    map.ignore("**.num_batches_tracked");
    return map;
  }

  /// Scratch of `set_template`.
  template <class Backend>
  static std::size_t template_bytes(const Backend& backend, std::size_t batch) {
    return encoder_type::template_bytes(backend, batch);
  }
  /// @see romtrack_encoder::set_template
  template <class Backend, class Home>
  void set_template(context<Backend> ctx, map_view<const float> inherent, map_view<const float> hybrid,
                    romtrack_memory<C, Home>& memory, bool variation = true) const {
    encoder.set_template(ctx, inherent, hybrid, memory, variation);
  }

  /// Scratch of `forward`.
  template <class Backend>
  static std::size_t scratch_bytes(const Backend& backend, std::size_t batch) {
    const map_extents e = encoder_type::feature_extents(batch);
    return heddle::scratch_bytes<float>(e.size()) +
           std::max(encoder_type::scratch_bytes(backend, batch), head_type::scratch_bytes(backend, e));
  }
  /// Of a frame, variation tokens included.
  static constexpr std::uint64_t multiply_adds(std::size_t batch) {
    return encoder_type::multiply_adds(batch) + head_type::multiply_adds(encoder_type::feature_extents(batch));
  }

  /// Maps of the head for search regions `[batch, search_size, search_size, 3]`. @see romtrack_encoder::forward
  template <class Backend, class Home>
  void forward(context<Backend> ctx, map_view<const float> image, romtrack_memory<C, Home>& memory,
               const center_maps& maps) const {
    const map_extents e = encoder_type::feature_extents(memory.batch());
    const map_view<float> features(ctx.scratch.template take<float>(e.size()), e);
    encoder.forward(ctx, image, memory, features);
    head.forward(ctx, features, maps);
  }
};

}  // namespace heddle::examples
