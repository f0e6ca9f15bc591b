// The networks on a backend: which composition, whose weights. Included by one source for every backend.
#pragma once

#include "network.hpp"

#include "../../common/user_error.hpp"
#include "heddle/io/bind.hpp"
#include "heddle/model/memory_of.hpp"
#include "maxsr/maxsr.hpp"

namespace maxsr_app {
namespace detail {

using examples::user_error;
using heddle::map_extents;

template <class Net, class Backend>
class worker final : public upscaler {
  using memory = heddle::memory_of<Backend>;
  using picture = typename memory::template tensor_type<float, map_extents>;
  const Net& net_;
  typename memory::workspace_type scratch_;
  picture in_;  ///< of a device alone: the pictures where it reads and writes them
  picture out_;

  static map_extents largest(std::size_t side) { return map_extents(1, side, side, 3); }
  static map_extents kept(const map_extents& e) { return heddle::moves_weights<Backend> ? e : map_extents(0, 0, 0, 0); }

 public:
  worker(const Net& net, std::size_t largest_side)
      : net_(net),
        scratch_(heddle::workspace_bytes<Net>(largest(largest_side), Backend{})),
        in_(kept(largest(largest_side))),
        out_(kept(heddle::output_extents<Net>(largest(largest_side)))) {}

  void upscale(const float* rgb, std::size_t height, std::size_t width, float* out) override {
    const map_extents in(1, height, width, 3);
    const heddle::map_view<const float> x(rgb, in);
    const heddle::map_view<float> y(out, heddle::output_extents<Net>(in));
    if constexpr (heddle::moves_weights<Backend>) {
      const Backend backend{};
      memory::put(backend, x.data_handle(), in_.data(), x.size());
      heddle::run<Backend>(net_, heddle::map_view<const float>(in_.data(), in),
                           heddle::map_view<float>(out_.data(), y.extents()), scratch_);
      memory::take(backend, out_.data(), y.data_handle(), y.size());
    } else {
      heddle::run<Backend>(net_, x, y, scratch_);
    }
  }
};

/// One sentence for every network: what is said does not depend on its type.
inline std::string describe(const char* name, std::size_t scale, std::size_t parameters) {
  return std::string(name) + " x" + std::to_string(scale) + ", " + std::to_string(parameters) + " parameters";
}

template <class Net, class Backend>
class network_of final : public network {
  Net net_;
  const char* name_;

 public:
  network_of(const heddle::io::safetensors& file, const char* name) : name_(name) {
    heddle::io::bind<Backend>(net_, file, Net::key_map());
  }
  std::size_t scale() const override { return Net::scale; }
  std::string description() const override { return describe(name_, Net::scale, heddle::parameters<Net>); }
  double flops(std::size_t height, std::size_t width) const override {
    return static_cast<double>(heddle::flops<Net>(map_extents(1, height, width, 3)));
  }
  std::unique_ptr<upscaler> make_worker(std::size_t largest_side) const override {
    return std::make_unique<worker<Net, Backend>>(net_, largest_side);
  }
};

/// Extent `axis` of a tensor of the file, 0 where there is none.
inline std::size_t extent_of(const heddle::io::safetensors& file, const char* name, std::size_t axis) {
  const auto* entry = file.find(name);
  return entry != nullptr && axis < entry->shape.size() ? entry->shape[axis] : 0;
}

/// The scale that the weights were trained for, 0 where the file is of something else.
inline std::size_t trained_scale(const heddle::io::safetensors& file, std::size_t channels) {
  if (channels == 0) return 0;
  if (extent_of(file, "Upsample.4.weight", 0) != 0) return 8;  // which the programs do not compile
  if (extent_of(file, "Upsample.2.weight", 0) != 0) return 4;
  const std::size_t factor = extent_of(file, "Upsample.0.weight", 0) / channels;
  return factor == 4 ? 2 : factor == 9 ? 3 : 0;
}

template <std::size_t Scale, class Backend>
std::unique_ptr<network> load_scale(const heddle::io::safetensors& file, std::size_t channels) {
  using light = heddle::examples::maxsr_light<Scale>;
  using full = heddle::examples::maxsr_full<Scale>;
  if (channels == light::channels) return std::make_unique<network_of<light, Backend>>(file, "MaxSR-light");
  return std::make_unique<network_of<full, Backend>>(file, "MaxSR");
}

template <class Backend>
std::unique_ptr<network> load(const std::string& path, std::size_t scale) {
  const heddle::io::safetensors file{path};
  const std::size_t channels = extent_of(file, "conv_stem_first.weight", 0);
  const std::size_t trained = trained_scale(file, channels);
  if (trained == 0 ||
      (channels != heddle::examples::maxsr_light<2>::channels && channels != heddle::examples::maxsr_full<2>::channels))
    throw user_error(path + " does not hold the weights of MaxSR or MaxSR-light");
  if (trained != scale)
    throw user_error(path + " was trained to enlarge by " + std::to_string(trained) + ", not by " + std::to_string(scale));
  switch (scale) {
    case 2:
      return load_scale<2, Backend>(file, channels);
    case 3:
      return load_scale<3, Backend>(file, channels);
    default:
      return load_scale<4, Backend>(file, channels);
  }
}

}  // namespace detail

template <class Backend>
std::unique_ptr<network> load_network_on(const std::string& weights_path, std::size_t scale) {
  return examples::told_to_user([&] { return detail::load<Backend>(weights_path, scale); });
}

}  // namespace maxsr_app
