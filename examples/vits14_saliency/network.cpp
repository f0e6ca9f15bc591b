#include "network.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "../common/user_error.hpp"
#include "heddle/backend/simd.hpp"
#include "heddle/io/bind.hpp"
#include "vits14_saliency/vits14_saliency.hpp"

namespace saliency_app {

using heddle::map_extents;
using heddle::map_view;
using model = heddle::examples::vits14_saliency;

struct network::state {
  model net;
  heddle::workspace scratch{model::scratch_bytes(heddle::simd{}, 1)};
};

network::network(const std::string& weights) : state_(std::make_unique<state>()) {
  try {
    heddle::io::bind<heddle::simd>(state_->net, heddle::io::safetensors(weights), model::key_map());
  } catch (const heddle::error& e) {
    throw examples::user_error(examples::one_sentence(e.what()) + " (examples/vits14_saliency/fetch_weights.py makes the file)");
  }
}

network::~network() = default;

result network::run(const std::vector<std::uint8_t>& rgb, std::size_t merged, std::size_t repetitions) {
  constexpr float mean[] = {0.485F, 0.456F, 0.406F};
  constexpr float deviation[] = {0.229F, 0.224F, 0.225F};
  std::vector<float> pixels(rgb.size());
  for (std::size_t i = 0; i < rgb.size(); ++i)
    pixels[i] = (static_cast<float>(rgb[i]) / 255.0F - mean[i % 3]) / deviation[i % 3];
  model& net = state_->net;
  net.merge(merged);
  result r;
  r.map.resize(side * side);
  r.tokens = net.trunk.remaining();
  std::array<std::size_t, model::trunk_type::depth> counts;
  counts.fill(merged);
  r.multiply_adds = static_cast<double>(model::trunk_type::multiply_adds(counts));
  std::vector<std::int32_t> origin(model::trunk_type::tokens);
  for (std::size_t i = 0; i < repetitions; ++i) {
    const auto start = std::chrono::steady_clock::now();
    net.forward(heddle::context<heddle::simd>{heddle::simd{}, state_->scratch.scratch()},
                map_view<const float>(pixels.data(), map_extents(1, side, side, 3)),
                map_view<float>(r.map.data(), map_extents(1, side, side, 1)), origin.data());
    const double taken = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    r.milliseconds = i == 0 ? taken : std::min(r.milliseconds, taken);
  }
  r.origin.assign(origin.begin() + 1, origin.end());
  return r;
}

}  // namespace saliency_app
