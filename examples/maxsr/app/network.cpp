// The boundary between the programs and the library: which composition, which backend, whose weights.
#include "network.hpp"

#include "../../common/user_error.hpp"
#include "heddle/backend/simd.hpp"
#include "heddle/io/bind.hpp"
#include "maxsr/maxsr.hpp"

namespace maxsr_app {
namespace {

using examples::user_error;
using heddle::map_extents;

template <class Net>
class worker final : public upscaler {
  const Net& net_;
  std::size_t largest_side_;
  heddle::workspace scratch_;

 public:
  worker(const Net& net, std::size_t largest_side)
      : net_(net),
        largest_side_(largest_side),
        scratch_(heddle::workspace_bytes<Net>(map_extents(1, largest_side, largest_side, 3), heddle::simd{})) {}

  void upscale(const float* rgb, std::size_t height, std::size_t width, float* out) override {
    const map_extents in(1, height, width, 3);
    const heddle::map_view<const float> x(rgb, in);
    const heddle::map_view<float> y(out, heddle::output_extents<Net>(in));
    heddle::run<heddle::simd>(net_, x, y, scratch_);
  }
};

/// One sentence for every network: what is said does not depend on its type.
std::string describe(const char* name, std::size_t scale, std::size_t parameters) {
  return std::string(name) + " x" + std::to_string(scale) + ", " + std::to_string(parameters) + " parameters";
}

template <class Net>
class network_of final : public network {
  Net net_;
  const char* name_;

 public:
  network_of(const heddle::io::safetensors& file, const char* name) : name_(name) {
    heddle::io::bind<heddle::simd>(net_, file, Net::key_map());
  }
  std::size_t scale() const override { return Net::scale; }
  std::string description() const override {
    return describe(name_, Net::scale, heddle::parameters<Net>);
  }
  double flops(std::size_t height, std::size_t width) const override {
    return static_cast<double>(heddle::flops<Net>(map_extents(1, height, width, 3)));
  }
  std::unique_ptr<upscaler> make_worker(std::size_t largest_side) const override {
    return std::make_unique<worker<Net>>(net_, largest_side);
  }
};

/// Extent `axis` of a tensor of the file, 0 where there is none.
std::size_t extent_of(const heddle::io::safetensors& file, const char* name, std::size_t axis) {
  const auto* entry = file.find(name);
  return entry != nullptr && axis < entry->shape.size() ? entry->shape[axis] : 0;
}

/// The scale that the weights were trained for, 0 where the file is of something else.
std::size_t trained_scale(const heddle::io::safetensors& file, std::size_t channels) {
  if (channels == 0) return 0;
  if (extent_of(file, "Upsample.2.weight", 0) != 0) return 4;
  const std::size_t factor = extent_of(file, "Upsample.0.weight", 0) / channels;
  return factor == 4 ? 2 : factor == 9 ? 3 : 0;
}

template <std::size_t Scale>
std::unique_ptr<network> load_scale(const heddle::io::safetensors& file, std::size_t channels) {
  using light = heddle::examples::maxsr_light<Scale>;
  using full = heddle::examples::maxsr_full<Scale>;
  if (channels == light::channels) return std::make_unique<network_of<light>>(file, "MaxSR-light");
  return std::make_unique<network_of<full>>(file, "MaxSR");
}

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
      return load_scale<2>(file, channels);
    case 3:
      return load_scale<3>(file, channels);
    default:
      return load_scale<4>(file, channels);
  }
}

}  // namespace

std::unique_ptr<network> load_network(const std::string& weights_path, std::size_t scale) {
  try {
    return load(weights_path, scale);
  } catch (const heddle::error& e) {
    const std::string message = e.what();  // the first line is the summary
    throw user_error(message.substr(0, message.find('\n')));
  }
}

}  // namespace maxsr_app
