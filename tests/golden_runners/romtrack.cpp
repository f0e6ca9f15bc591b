// The golden "romtrack": the joint forward pass of the first stage, variation tokens of the second, two frames of the cached
// path, a box under the Hann window, the whole tracker, and on request the maps on the way.
#include "golden_config.hpp"
#include "support/run.hpp"

#if defined(HEDDLE_GOLDEN_REFUSED)
int main() { return heddle::golden::refuse(HEDDLE_GOLDEN_REFUSED); }
#else

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

namespace {

using namespace heddle;
using golden::map_tensor;
using golden::session;
using network = examples::romtrack<golden_config>;
using encoder = network::encoder_type;

/// What coordinates of the tracker may differ by.
constexpr double pixels = 1e-2;
constexpr std::size_t side = golden_config.search_side();

/// Maps of one forward pass, on the host.
struct head_maps {
  std::size_t batch;
  std::vector<float> memory;

  center_maps views() { return center_maps_in(memory.data(), batch, side, side); }
};

template <class Backend>
class runner {
  using state = examples::romtrack_memory<golden_config, Backend>;
  session& s_;
  network net_{};
  golden::placed_map<Backend> template_;
  golden::placed_map<Backend> inherent_;
  std::size_t batch_;

 public:
  explicit runner(session& s)
      : s_(s),
        template_(s.map("input.template")),
        inherent_(s.map("input.inherent_template")),
        batch_(template_.extents().extent(0)) {
    golden::load_weights<Backend>(net_, s, network::key_map());
  }

  void run() {
    first_stage();
    if (!s_.names("output.test.").empty()) cached();
    if (!s_.names("output.track.").empty()) track();
  }

 private:
  bool has(const std::string& name) const { return s_.file().find(name) != nullptr; }

  void remember(state& memory, bool variation) const {
    const golden::workspace_of<Backend> scratch(network::template_bytes(Backend{}, batch_));
    net_.set_template(context<Backend>{Backend{}, scratch.scratch()}, inherent_.view(), template_.view(), memory, variation);
  }

  head_maps forward(const map_tensor& search, state& memory) const {
    const golden::placed_map<Backend> image(search);
    golden::placed<Backend> maps(center_map_floats(batch_, side, side));
    const golden::workspace_of<Backend> scratch(network::scratch_bytes(Backend{}, batch_));
    net_.forward(context<Backend>{Backend{}, scratch.scratch()}, image.view(), memory,
                 center_maps_in(maps.data(), batch_, side, side));
    return {batch_, maps.host()};
  }

  void compare(const std::string& prefix, head_maps& maps) {
    const auto map = [&](const char* name, const map_view<float>& m) {
      if (has(prefix + name)) s_.check_map(prefix + name, m);
    };
    map("score_map", maps.views().score);
    map("size_map", maps.views().size);
    map("offset_map", maps.views().offset);
    const std::size_t shape[] = {batch_, 1, 4};
    if (has(prefix + "pred_boxes")) s_.check(prefix + "pred_boxes", boxes(maps, {}), shape);
  }

  std::vector<float> boxes(head_maps& maps, std::span<const float> window) const {
    std::vector<float> result;
    for (std::size_t b = 0; b < batch_; ++b) {
      const center_box box = decode_center(maps.views(), window, window, b);
      result.insert(result.end(), {box.cx, box.cy, box.width, box.height});
    }
    return result;
  }

  /// Without variation tokens on the first search region; what it leaves of the template is those of the second stage.
  void first_stage() {
    const map_tensor search = s_.map("input.search1");
    state memory(batch_);
    remember(memory, false);
    if (s_.wants_mid()) middle(search, memory);
    remember(memory, false);
    head_maps first = forward(search, memory);
    compare("output.stage1.", first);
    if (s_.names("output.stage2.").empty()) return;
    head_maps second = forward(s_.map("input.search2"), memory);
    compare("output.stage2.", second);
  }

  void middle(const map_tensor& search, state& memory) {
    const golden::placed_map<Backend> image(search);
    golden::placed_map<Backend> features(encoder::feature_extents(batch_));
    const std::size_t template_side = golden_config.template_side();
    map_tensor of_template(map_extents(batch_, template_side, template_side, golden_config.dim));
    map_tensor of_search(encoder::feature_extents(batch_));
    const golden::workspace_of<Backend> scratch(network::scratch_bytes(Backend{}, batch_));
    net_.encoder.forward(context<Backend>{Backend{}, scratch.scratch()}, image.view(), memory, features.view(),
                         [&](std::size_t layer, matrix_view<const float> rows) {
                           const std::string name = "_block" + std::to_string(layer);
                           const std::vector<float> copy = golden::on_host<Backend>(rows.data_handle(), rows.size());
                           split(make_matrix(copy.data(), rows.extent(0), rows.extent(1)), of_template, of_search);
                           if (has("mid.stage1.search" + name)) s_.check_map("mid.stage1.search" + name, of_search.view());
                           if (has("mid.stage1.template" + name))
                             s_.check_map("mid.stage1.template" + name, of_template.view());
                         });
    if (has("mid.stage1.search_final")) s_.check_map("mid.stage1.search_final", features.host().view());
    if (!has("mid.hann_window")) return;
    std::array<float, side> window{};
    hann_window(window);
    std::vector<float> outer;
    for (const float a : window)
      for (const float b : window) outer.push_back(a * b);
    const std::size_t shape[] = {1, 1, side, side};
    s_.check("mid.hann_window", outer, shape);
  }

  /// The rows of a frame as two maps.
  void split(matrix_view<const float> rows, map_tensor& of_template, map_tensor& of_search) const {
    for (std::size_t b = 0; b < batch_; ++b)
      for (std::size_t i = 0; i < encoder::frame_tokens; ++i) {
        const std::size_t first = golden_config.template_tokens();
        map_tensor& to = i < first ? of_template : of_search;
        const std::size_t row = i < first ? b * first + i : b * golden_config.search_tokens() + i - first;
        std::copy_n(&rows(b * encoder::frame_tokens + i, 0), golden_config.dim, to.data() + row * golden_config.dim);
      }
  }

  /// Two frames by the step of a frame, which is made before the state that it begins with.
  void cached() {
    state memory(batch_);
    remember(memory, true);
    golden::placed_map<Backend> image(encoder::search_extents(batch_));
    golden::placed<Backend> maps(center_map_floats(batch_, side, side));
    const golden::workspace_of<Backend> scratch(network::scratch_bytes(Backend{}, batch_));
    auto frame = golden::make_frame_step<Backend>([&](const Backend& backend) {
      net_.forward(context<Backend>{backend, scratch.scratch()}, image.view(), memory,
                   center_maps_in(maps.data(), batch_, side, side));
    });
    remember(memory, true);
    image.put(s_.map("input.search1"));
    frame();
    head_maps first{batch_, maps.host()};
    compare("output.test.frame1.", first);
    image.put(s_.map("input.search2"));
    frame();
    head_maps second{batch_, maps.host()};
    compare("output.test.frame2.", second);
    if (!has("output.windowed_box")) return;
    std::array<float, side> window{};
    hann_window(window);
    const std::size_t shape[] = {batch_, 4};
    s_.check("output.windowed_box", boxes(second, window), shape);
  }

  void track() {
    const std::vector<std::size_t> shape = s_.shape("input.track.frames");
    const std::vector<std::int64_t> numbers = s_.file().integers("input.track.frames");
    const std::vector<std::uint8_t> bytes(numbers.begin(), numbers.end());
    const std::vector<float> start = s_.file().floats("input.track.init_box");
    const auto frame = [&](std::size_t i) {
      return examples::frame_view{bytes.data() + i * shape[1] * shape[2] * 3, shape[1], shape[2], shape[2] * 3};
    };
    const auto at = [&](std::size_t i) { return static_cast<double>(start[i]); };
    examples::romtrack_tracker<golden_config, Backend> tracker(net_, golden_tracking);
    tracker.init(frame(0), {at(0), at(1), at(2), at(3)});
    std::vector<float> found;
    for (std::size_t i = 1; i < shape[0]; ++i) {
      const examples::box b = tracker.track(frame(i)).box;
      for (const double v : {b.x, b.y, b.w, b.h}) found.push_back(static_cast<float>(v));
      const std::size_t crop[] = {golden_config.search_size, golden_config.search_size, 3};
      if (i == 1 && s_.wants_mid() && has("mid.track.search_crop0"))
        s_.check_bytes("mid.track.search_crop0", as_span(tracker.crop()), crop, 1);
    }
    float largest = 0;
    for (const float v : s_.file().floats("output.track.boxes")) largest = std::max(largest, std::abs(v));
    const std::size_t boxes_shape[] = {shape[0] - 1, 4};
    s_.check("output.track.boxes", found, boxes_shape, pixels / static_cast<double>(largest));
  }
};

}  // namespace

int main(int argc, char** argv) {
  return golden::run_golden(argc, argv, [](auto backend, session& s) { runner<decltype(backend)>(s).run(); });
}
#endif
