// The network on a backend. Included by one source for every backend.
#pragma once

#include "network.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "../common/user_error.hpp"
#include "heddle/io/bind.hpp"
#include "heddle/model/memory_of.hpp"
#include "vits14_saliency/vits14_saliency.hpp"

namespace saliency_app {

template <class Backend>
class network_of final : public network {
  using model = heddle::examples::vits14_saliency;
  using map_extents = heddle::map_extents;
  using memory = heddle::memory_of<Backend>;
  template <class T, class Extents>
  using tensor = typename memory::template tensor_type<T, Extents>;

  model net_;
  tensor<float, map_extents> picture_{map_extents(1, side, side, 3)};
  tensor<float, map_extents> map_{map_extents(1, side, side, 1)};
  tensor<std::int32_t, heddle::dynamic_extents<1>> origin_{heddle::dynamic_extents<1>(model::trunk_type::tokens)};
  typename memory::workspace_type scratch_{model::scratch_bytes(Backend{}, 1)};

 public:
  explicit network_of(const std::string& weights) {
    heddle::io::bind<Backend>(net_, heddle::io::safetensors(weights), model::key_map());
  }

  result run(const std::vector<std::uint8_t>& rgb, std::size_t merged, std::size_t repetitions) override {
    constexpr float mean[] = {0.485F, 0.456F, 0.406F};
    constexpr float deviation[] = {0.229F, 0.224F, 0.225F};
    const Backend backend{};
    std::vector<float> pixels(rgb.size());
    for (std::size_t i = 0; i < rgb.size(); ++i)
      pixels[i] = (static_cast<float>(rgb[i]) / 255.0F - mean[i % 3]) / deviation[i % 3];
    net_.merge(merged);
    result r;
    r.map.resize(side * side);
    r.tokens = net_.trunk.remaining();
    std::array<std::size_t, model::trunk_type::depth> counts;
    counts.fill(merged);
    r.multiply_adds = static_cast<double>(model::trunk_type::multiply_adds(counts));
    std::vector<std::int32_t> origin(model::trunk_type::tokens);
    for (std::size_t i = 0; i < repetitions; ++i) {
      const auto start = std::chrono::steady_clock::now();
      memory::put(backend, pixels.data(), picture_.data(), pixels.size());
      net_.forward(heddle::context<Backend>{backend, scratch_.scratch()}, heddle::map_view<const float>(picture_.view()),
                   map_.view(), origin_.data());
      memory::take(backend, map_.data(), r.map.data(), r.map.size());
      memory::take(backend, origin_.data(), origin.data(), origin.size());
      const double taken = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
      r.milliseconds = i == 0 ? taken : std::min(r.milliseconds, taken);
    }
    r.origin.assign(origin.begin() + 1, origin.end());
    return r;
  }
};

template <class Backend>
std::unique_ptr<network> load_network_on(const std::string& weights) {
  const std::string hint = " (examples/vits14_saliency/fetch_weights.py makes the file)";
  try {
    return std::make_unique<network_of<Backend>>(weights);
  } catch (const heddle::file_error& e) {
    throw examples::user_error(examples::one_sentence(e.what()) + hint);
  } catch (const heddle::weight_error& e) {
    throw examples::user_error(examples::one_sentence(e.what()) + hint);
  } catch (const heddle::error& e) {
    throw examples::user_error(examples::one_sentence(e.what()));
  }
}

}  // namespace saliency_app
