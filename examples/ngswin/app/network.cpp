// The network behind the interface of the super-resolution programs.
#include "../../maxsr/app/network.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "../../common/user_error.hpp"
#include "heddle/backend/simd.hpp"
#include "heddle/io/bind.hpp"
#include "heddle/primitive/pad.hpp"
#include "ngswin/ngswin.hpp"

namespace maxsr_app {
namespace {

using examples::user_error;
using heddle::map_extents;
using heddle::map_view;

/// A picture mirrored at its right and bottom to sides that the network takes as they are, made larger, and cut.
template <class Net>
class worker final : public upscaler {
  const Net& net_;
  std::vector<float> padded_;
  std::vector<float> large_;
  heddle::workspace scratch_;

  static std::size_t side(std::size_t n) {
    return std::max(Net::smallest, (n + Net::multiple - 1) / Net::multiple * Net::multiple);
  }
  static map_extents padded(std::size_t height, std::size_t width) { return map_extents(1, side(height), side(width), 3); }

 public:
  worker(const Net& net, std::size_t largest_side)
      : net_(net),
        padded_(padded(largest_side, largest_side).size()),
        large_(heddle::output_extents<Net>(padded(largest_side, largest_side)).size()),
        scratch_(heddle::workspace_bytes<Net>(padded(largest_side, largest_side), heddle::simd{})) {}

  void upscale(const float* rgb, std::size_t height, std::size_t width, float* out) override {
    const map_extents in = padded(height, width);
    const map_view<float> x(padded_.data(), in);
    const map_view<float> y(large_.data(), heddle::output_extents<Net>(in));
    const heddle::pad_sides sides{.bottom = in.extent(1) - height, .right = in.extent(2) - width};
    heddle::pad(heddle::context<heddle::simd>{heddle::simd{}, {}}, map_view<const float>(rgb, map_extents(1, height, width, 3)), x, sides,
                heddle::pad_mode::symmetric{});
    heddle::run<heddle::simd>(net_, map_view<const float>(x), y, scratch_);
    const std::size_t row = width * Net::scale * 3;
    for (std::size_t i = 0; i < height * Net::scale; ++i) std::copy_n(&y(0U, i, 0U, 0U), row, out + i * row);
  }
};

template <class Net>
class network_of final : public network {
  Net net_;

 public:
  explicit network_of(const heddle::io::safetensors& file) { heddle::io::bind<heddle::simd>(net_, file, Net::key_map()); }
  std::size_t scale() const override { return Net::scale; }
  std::string description() const override {
    return "NGswin x" + std::to_string(Net::scale) + ", " + std::to_string(heddle::parameters<Net>) + " parameters";
  }
  double flops(std::size_t height, std::size_t width) const override {
    return static_cast<double>(heddle::flops<Net>(map_extents(1, std::max(height, Net::multiple + 1), std::max(width, Net::multiple + 1), 3)));
  }
  std::unique_ptr<upscaler> make_worker(std::size_t largest_side) const override {
    return std::make_unique<worker<Net>>(net_, largest_side);
  }
};

/// The scale that the weights were trained for, 0 where the file is of something else.
std::size_t trained_scale(const heddle::io::safetensors& file) {
  const auto* entry = file.find("to_target.before_shuffle.weight");
  if (entry == nullptr || entry->shape.empty()) return 0;
  for (std::size_t scale = 2; scale <= 4; ++scale)
    if (entry->shape[0] == 3 * scale * scale) return scale;
  return 0;
}

std::unique_ptr<network> load(const std::string& path, std::size_t scale) {
  const heddle::io::safetensors file{path};
  const std::size_t trained = trained_scale(file);
  if (trained == 0) throw user_error(path + " does not hold the weights of NGswin");
  if (scale != 0 && trained != scale)
    throw user_error(path + " was trained to enlarge by " + std::to_string(trained) + ", not by " + std::to_string(scale));
  if (trained == 2) return std::make_unique<network_of<heddle::examples::ngswin_x2>>(file);
  if (trained == 3) return std::make_unique<network_of<heddle::examples::ngswin_x3>>(file);
  return std::make_unique<network_of<heddle::examples::ngswin_x4>>(file);
}

}  // namespace

std::unique_ptr<network> load_network(const std::string& weights_path, std::size_t scale, const std::string& backend) {
  if (backend != "simd") throw user_error("ngswin runs on the processor; there is no backend " + backend);
  try {
    return load(weights_path, scale);
  } catch (const heddle::error& e) {
    throw user_error(examples::one_sentence(e.what()));
  }
}

}  // namespace maxsr_app
