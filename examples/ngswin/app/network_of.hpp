// The network on a backend, behind the interface of the super-resolution programs. Included by one source for every backend.
#pragma once

#include "../../maxsr/app/network.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "../../common/user_error.hpp"
#include "heddle/io/bind.hpp"
#include "heddle/model/memory_of.hpp"
#include "heddle/primitive/pad.hpp"
#include "ngswin/ngswin.hpp"

namespace maxsr_app {
namespace ngswin_network {

using examples::user_error;
using heddle::map_extents;
using heddle::map_view;

/// A picture mirrored at its right and bottom to sides that the network takes as they are, made larger, and cut.
template <class Net, class Backend>
class worker final : public upscaler {
  using memory = heddle::memory_of<Backend>;
  using picture = typename memory::template tensor_type<float, map_extents>;
  const Net& net_;
  picture small_;  ///< of a device alone: the picture where it is read
  picture padded_;
  picture large_;
  std::vector<float> result_;  ///< of a device alone: the result where the host reads it
  typename memory::workspace_type scratch_;

  static std::size_t side(std::size_t n) {
    return std::max(Net::smallest, (n + Net::multiple - 1) / Net::multiple * Net::multiple);
  }
  static map_extents padded(std::size_t height, std::size_t width) { return map_extents(1, side(height), side(width), 3); }
  static map_extents kept(const map_extents& e) { return heddle::moves_weights<Backend> ? e : map_extents(0, 0, 0, 0); }

 public:
  worker(const Net& net, std::size_t largest_side)
      : net_(net),
        small_(kept(map_extents(1, largest_side, largest_side, 3))),
        padded_(padded(largest_side, largest_side)),
        large_(heddle::output_extents<Net>(padded(largest_side, largest_side))),
        result_(kept(large_.extents()).size()),
        scratch_(heddle::workspace_bytes<Net>(padded(largest_side, largest_side), Backend{})) {}

  void upscale(const float* rgb, std::size_t height, std::size_t width, float* out) override {
    const Backend backend{};
    const map_extents shape(1, height, width, 3);
    const map_extents in = padded(height, width);
    const map_view<float> x(padded_.data(), in);
    const map_view<float> y(large_.data(), heddle::output_extents<Net>(in));
    const float* source = rgb;
    if constexpr (heddle::moves_weights<Backend>) {
      memory::put(backend, rgb, small_.data(), shape.size());
      source = small_.data();
    }
    const heddle::pad_sides sides{.bottom = in.extent(1) - height, .right = in.extent(2) - width};
    heddle::pad(heddle::context<Backend>{backend, {}}, map_view<const float>(source, shape), x, sides,
                heddle::pad_mode::symmetric{});
    heddle::run<Backend>(net_, map_view<const float>(x), y, scratch_);
    const float* result = y.data_handle();
    if constexpr (heddle::moves_weights<Backend>) {
      memory::take(backend, y.data_handle(), result_.data(), y.size());
      result = result_.data();
    }
    const std::size_t row = width * Net::scale * 3;
    for (std::size_t i = 0; i < height * Net::scale; ++i) std::copy_n(result + i * y.extent(2) * 3, row, out + i * row);
  }
};

template <class Net, class Backend>
class network_of final : public network {
  Net net_;

 public:
  explicit network_of(const heddle::io::safetensors& file) { heddle::io::bind<Backend>(net_, file, Net::key_map()); }
  std::size_t scale() const override { return Net::scale; }
  std::string description() const override {
    return "NGswin x" + std::to_string(Net::scale) + ", " + std::to_string(heddle::parameters<Net>) + " parameters";
  }
  double flops(std::size_t height, std::size_t width) const override {
    return static_cast<double>(
        heddle::flops<Net>(map_extents(1, std::max(height, Net::multiple + 1), std::max(width, Net::multiple + 1), 3)));
  }
  std::unique_ptr<upscaler> make_worker(std::size_t largest_side) const override {
    return std::make_unique<worker<Net, Backend>>(net_, largest_side);
  }
};

/// The scale that the weights were trained for, 0 where the file is of something else.
inline std::size_t trained_scale(const heddle::io::safetensors& file) {
  const auto* entry = file.find("to_target.before_shuffle.weight");
  if (entry == nullptr || entry->shape.empty()) return 0;
  for (std::size_t scale = 2; scale <= 4; ++scale)
    if (entry->shape[0] == 3 * scale * scale) return scale;
  return 0;
}

template <class Backend>
std::unique_ptr<network> load(const std::string& path, std::size_t scale) {
  const heddle::io::safetensors file{path};
  const std::size_t trained = trained_scale(file);
  if (trained == 0) throw user_error(path + " does not hold the weights of NGswin");
  if (scale != 0 && trained != scale)
    throw user_error(path + " was trained to enlarge by " + std::to_string(trained) + ", not by " + std::to_string(scale));
  if (trained == 2) return std::make_unique<network_of<heddle::examples::ngswin_x2, Backend>>(file);
  if (trained == 3) return std::make_unique<network_of<heddle::examples::ngswin_x3, Backend>>(file);
  return std::make_unique<network_of<heddle::examples::ngswin_x4, Backend>>(file);
}

}  // namespace ngswin_network

template <class Backend>
std::unique_ptr<network> load_network_on(const std::string& weights_path, std::size_t scale) {
  return examples::told_to_user([&] { return ngswin_network::load<Backend>(weights_path, scale); });
}

}  // namespace maxsr_app
