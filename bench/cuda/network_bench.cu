// A tracker's frame on a device: MixFormerV2 with kept templates, as a graph of kernels.
#include <heddle/backend/cuda.hpp>
#include <heddle/backend/reference.hpp>

#include "device_attention.cuh"
#include "mixformerv2/templates.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_weights.hpp"

namespace {

using namespace heddle;
using namespace heddle::examples;

/// A network with random weights on `Backend`, its templates kept, one search region and its results.
template <mixformerv2_config C, class Backend>
class loaded_tracker {
  using network = mixformerv2<C>;
  using memory = memory_of<Backend>;
  using floats = typename memory::template tensor_type<float, extents<dyn>>;

  network net_;
  mixformerv2_templates<C, Backend> templates_{};
  floats search_, out_;
  typename memory::workspace_type scratch_;

  static floats random(const Backend& b, std::size_t count, std::uint64_t seed) {
    const std::vector<float> values = test::normal_vector(count, seed);
    floats x(extents<dyn>{count});
    memory::put(b, values.data(), x.data(), count);
    return x;
  }
  static std::size_t bytes(const Backend& b) {
    return std::max(mixformerv2_templates<C, Backend>::set_bytes(b, 2), mixformerv2_templates<C, Backend>::forward_bytes(b, 2));
  }

 public:
  explicit loaded_tracker(const Backend& b)
      : search_(random(b, network::search_extents().size(), 7)), out_(extents<dyn>(4 + 4 * C.bins)), scratch_(bytes(b)) {
    test::bind_random_weights(net_, 3);
    if constexpr (std::is_same_v<Backend, reference>) {
      prepare<Backend>(net_, b);
    } else {
      to_device<Backend>(net_, b);
    }
    const floats pictures = random(b, network::template_extents(2).size(), 8);
    templates_.set(context<Backend>{b, scratch_.scratch()}, net_,
                   map_view<const float>(pictures.data(), network::template_extents(2)));
  }
  void run(const Backend& b) {
    mixformerv2_outputs out;
    out.boxes = make_matrix(out_.data(), 1, 4);
    out.logits = make_matrix(out_.data() + 4, 4, C.bins);
    templates_.forward(context<Backend>{b, scratch_.scratch()}, net_,
                       map_view<const float>(search_.data(), network::search_extents()), out);
  }
  /// The results, on the host.
  std::vector<float> results(const Backend& b) const {
    std::vector<float> all(out_.size());
    memory::take(b, out_.data(), all.data(), all.size());
    return all;
  }
};

template <mixformerv2_config C, mixformerv2_config Exact>
class tracker_frame final : public bench::device_subject {
  using network = mixformerv2<C>;
  loaded_tracker<C, bench::device_backend> net_{bench::device_backend{}};

 public:
  void enqueue(device::stream s) override { net_.run(bench::device_backend{s}); }
  double error(device::stream s) override {
    enqueue(s);
    const std::vector<float> got = net_.results(bench::device_backend{s});
    loaded_tracker<Exact, reference> definition(reference{});
    definition.run(reference{});
    return test::worst(definition.results(reference{}), got).relative();
  }
  double flop() const override { return 2.0 * static_cast<double>(network::kept_multiply_adds()); }
  double bytes() const override {
    const double weight = C.products == precision::bf16 ? 2.0 : 4.0;
    return weight * static_cast<double>(parameters<network>) + 4.0 * static_cast<double>(network::search_extents().size());
  }
};

template <mixformerv2_config C, mixformerv2_config Exact = C>
void add_frame(const std::string& name, const std::string& key, const std::string& text, const char* dtype, double tolerance,
               const std::string& shape) {
  bench::device_entry e;
  e.name = "network/" + name + "/cuda/" + dtype + '/' + shape;
  e.key = key;
  e.text = text;
  e.dtype = dtype;
  e.tolerance = tolerance;
  e.make = []() -> std::unique_ptr<bench::device_subject> { return std::make_unique<tracker_frame<C, Exact>>(); };
  bench::device_entries().push_back(std::move(e));
}

[[maybe_unused]] const bool registered = [] {
  constexpr double rounded = 5e-2;  // of bfloat16, through a whole network
  add_frame<mixformerv2_b>("mixformerv2_b_frame", "n-mixformerv2-b", "MixFormerV2-B, a frame with kept templates", "f32", 1e-4,
                           "1x288*288x3");
  add_frame<in_bf16(mixformerv2_b), mixformerv2_b>(
      "mixformerv2_b_frame", "n-mixformerv2-b", "MixFormerV2-B, a frame with kept templates", "bf16", rounded, "1x288*288x3");
  return true;
}();

}  // namespace
