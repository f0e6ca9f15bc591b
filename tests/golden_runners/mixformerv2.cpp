// The golden "mixformerv2": the joint forward pass, the pass with kept templates, the tracker on frames, and both stages of
// the distillation.
#include "golden_config.hpp"
#include "support/run.hpp"

#if defined(HEDDLE_GOLDEN_REFUSED)
int main() { return heddle::golden::refuse(HEDDLE_GOLDEN_REFUSED); }
#else

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace heddle;
using golden::map_tensor;
using golden::session;
using network = examples::mixformerv2<golden_config>;
using examples::mixformerv2_outputs;

constexpr std::size_t bins = golden_config.bins;
constexpr std::size_t channels = golden_config.channels;
/// Boxes of the tracker, in pixels, as a share of the largest coordinate.
constexpr double box_tolerance = 1e-4;

/// One pass, and what it wrote.
struct step {
  std::size_t batch;
  std::vector<float> boxes;
  std::vector<float> scores;
  std::vector<float> logits;
  std::vector<float> probabilities;
  std::vector<float> prediction;             ///< prediction tokens
  std::vector<std::vector<float>> layers{};  ///< tokens after every block

  explicit step(std::size_t items)
      : batch(items),
        boxes(4 * items),
        scores(items),
        logits(4 * items * bins),
        probabilities(4 * items * bins),
        prediction(4 * items * channels) {}
  matrix_view<const float> layer(std::size_t i) const {
    return make_matrix(layers[i].data(), layers[i].size() / channels, channels);
  }
  matrix_view<const float> box_rows() const { return make_matrix(boxes.data(), batch, 4); }
  matrix_view<const float> logit_rows() const { return make_matrix(logits.data(), 4 * batch, bins); }
};

/// The rows of one edge out of those of all.
std::vector<float> of_edge(const std::vector<float>& rows, box_edge edge) {
  std::vector<float> result;
  for (std::size_t r = static_cast<std::size_t>(edge); r * bins < rows.size(); r += 4)
    result.insert(result.end(), rows.begin() + static_cast<std::ptrdiff_t>(r * bins),
                  rows.begin() + static_cast<std::ptrdiff_t>((r + 1) * bins));
  return result;
}

template <class Backend>
class runner {
  session& s_;
  network net_{};

 public:
  explicit runner(session& s) : s_(s) { golden::load_weights<Backend>(net_, s, {}); }

  void run() {
    const step whole = joint();
    if (has("output.cached.")) cached();
    if (has("output.track.")) track();
    if (has("output.distill.")) distill(whole);
  }

 private:
  bool has(std::string_view prefix) const { return !s_.names(prefix).empty(); }
  void check(const std::string& name, const std::vector<float>& values, std::initializer_list<std::size_t> shape,
             double tolerance = golden::default_tolerance) {
    if (s_.file().find(name) != nullptr)
      s_.check(name, values, std::span<const std::size_t>(shape.begin(), shape.size()), tolerance);
  }

  /// What a pass writes, where the backend writes it.
  struct placed_step {
    golden::placed<Backend> boxes;
    golden::placed<Backend> scores;
    golden::placed<Backend> logits;
    golden::placed<Backend> probabilities;
    golden::placed<Backend> prediction;

    explicit placed_step(std::size_t items)
        : boxes(4 * items),
          scores(items),
          logits(4 * items * bins),
          probabilities(4 * items * bins),
          prediction(4 * items * channels) {}
    mixformerv2_outputs outputs() {
      const std::size_t items = scores.size();
      mixformerv2_outputs out;
      out.boxes = make_matrix(boxes.data(), items, 4);
      if (golden_config.score_head) out.scores = scores.span();
      out.logits = make_matrix(logits.data(), 4 * items, bins);
      out.probabilities = make_matrix(probabilities.data(), 4 * items, bins);
      return out;
    }
    void copy_to(step& to) const {
      to.boxes = boxes.host();
      to.scores = scores.host();
      to.logits = logits.host();
      to.probabilities = probabilities.host();
      to.prediction = prediction.host();
    }
  };

  /// The parts of the joint forward pass, observed on the way, and the pass itself, which must agree with them.
  step observed(const network& net) {
    const golden::placed_map<Backend> first(s_.map("input.template"));
    const golden::placed_map<Backend> online(s_.map("input.online_template"));
    const golden::placed_map<Backend> search(s_.map("input.search"));
    const std::size_t batch = search.extents().extent(0);
    step result(batch);
    placed_step written(batch);
    const golden::workspace_of<Backend> scratch(network::scratch_bytes(Backend{}, batch));
    const context<Backend> ctx{Backend{}, scratch.scratch()};
    golden::placed_map<Backend> x(network::token_extents(batch));
    net.embed(ctx, {first.view(), online.view(), search.view()}, x.view());
    net.run_blocks(ctx, x.view(), [&](std::size_t, map_view<const float> tokens) {
      result.layers.push_back(golden::on_host<Backend>(tokens.data_handle(), tokens.size()));
    });
    network::copy_prediction_tokens(ctx, x.view(), make_matrix(written.prediction.data(), 4 * batch, channels));
    net.forward(ctx, {first.view(), online.view(), search.view()}, written.outputs());
    written.copy_to(result);
    return result;
  }

  step joint() {
    const step r = observed(net_);
    check("output.pred_boxes", r.boxes, {r.batch, 1, 4});
    if (golden_config.score_head) check("output.pred_scores", r.scores, {r.batch});
    const std::pair<const char*, box_edge> edges[] = {
        {"l", box_edge::left}, {"r", box_edge::right}, {"t", box_edge::top}, {"b", box_edge::bottom}};
    for (const auto& [letter, edge] : edges) {
      check(std::string("output.prob_") + letter, of_edge(r.probabilities, edge), {r.batch, bins});
      check(std::string("output.logit_") + letter, of_edge(r.logits, edge), {r.batch, bins});
    }
    check("output.reg_tokens", r.prediction, {r.batch, 4, channels});
    if (s_.wants_mid()) {
      for (std::size_t i = 0; i < r.layers.size(); ++i)
        check("mid.block" + std::to_string(i), r.layers[i], {r.batch, network::tokens, channels});
      check_region("mid.template_2d", r.layers.back(), 0, golden_config.template_size / golden_config.patch);
      check_region("mid.search_2d", r.layers.back(), 2 * network::template_tokens,
                   golden_config.search_size / golden_config.patch);
    }
    return r;
  }

  /// A region's tokens as a map.
  void check_region(const char* name, const std::vector<float>& tokens, std::size_t first, std::size_t side) {
    if (s_.file().find(name) == nullptr) return;
    const std::size_t batch = tokens.size() / (network::tokens * channels);
    map_tensor map(map_extents(batch, side, side, channels));
    for (std::size_t b = 0; b < batch; ++b)
      std::copy_n(tokens.data() + (b * network::tokens + first) * channels, side * side * channels,
                  map.data() + b * side * side * channels);
    s_.check_map(name, map.view());
  }

  void cached() {
    const map_tensor first = s_.map("input.cached.template");
    const map_tensor online = s_.map("input.cached.online_templates");
    const golden::placed_map<Backend> search(s_.map("input.cached.search"));
    const std::size_t images = 1 + online.extent(0);
    map_tensor pictures(network::template_extents(images));
    std::copy_n(first.data(), first.size(), pictures.data());
    std::copy_n(online.data(), online.size(), pictures.data() + first.size());
    const golden::placed_map<Backend> placed_pictures(pictures);
    using templates_type = examples::mixformerv2_templates<golden_config, Backend>;
    templates_type templates(images);
    const golden::workspace_of<Backend> scratch(
        std::max(templates_type::set_bytes(Backend{}, images), templates_type::forward_bytes(Backend{}, images)));
    const context<Backend> ctx{Backend{}, scratch.scratch()};
    templates.set(ctx, net_, placed_pictures.view());
    step r(1);
    placed_step written(1);
    templates.forward(ctx, net_, search.view(), written.outputs(), make_matrix(written.prediction.data(), 4, channels));
    written.copy_to(r);
    check("output.cached.pred_boxes", r.boxes, {1, 1, 4});
    if (golden_config.score_head) check("output.cached.pred_scores", r.scores, {1});
    check("output.cached.reg_tokens", r.prediction, {1, 4, channels});
  }

  void track() {
    const auto bytes = s_.file().bytes(s_.file().require("input.track.frames"));
    const std::vector<std::size_t> shape = s_.shape("input.track.frames");
    const auto frame = [&](std::size_t i) {
      return examples::frame_view{reinterpret_cast<const std::uint8_t*>(bytes.data()) + i * shape[1] * shape[2] * 3, shape[1],
                                  shape[2], shape[2] * 3, examples::channel_order::rgb};
    };
    const std::vector<float> b = s_.file().floats("input.track.init_box");
    examples::box target{static_cast<double>(b[0]), static_cast<double>(b[1]), static_cast<double>(b[2]),
                         static_cast<double>(b[3])};
    examples::mixformerv2_tracker<golden_config, Backend> tracker(net_, golden_tracking);
    crop("mid.track.template_crop", frame(0), target, golden_tracking.template_factor, golden_config.template_size);
    tracker.init(frame(0), target);
    std::vector<float> boxes;
    std::vector<float> scores;
    std::vector<std::uint8_t> replaced;
    std::vector<std::uint8_t> before = online(tracker);
    for (std::size_t i = 1; i < shape[0]; ++i) {
      if (i == 1) crop("mid.track.search_crop0", frame(i), target, golden_tracking.search_factor, golden_config.search_size);
      if (i + 1 == shape[0])
        crop("mid.track.search_crop_last", frame(i), target, golden_tracking.search_factor, golden_config.search_size);
      const examples::track_result r = tracker.track(frame(i));
      target = r.box;
      for (const double x : {r.box.x, r.box.y, r.box.w, r.box.h}) boxes.push_back(static_cast<float>(x));
      scores.push_back(static_cast<float>(r.score));
      const std::vector<std::uint8_t> now = online(tracker);
      replaced.push_back(now != before ? 1 : 0);
      before = now;
    }
    check("output.track.boxes", boxes, {shape[0] - 1, 4}, box_tolerance);
    check("output.track.scores", scores, {shape[0] - 1});
    if (s_.file().find("output.track.template_replaced") != nullptr) {
      const std::size_t count[] = {shape[0] - 1};
      s_.check_bytes("output.track.template_replaced", replaced, count, 0);
    }
  }

  template <class Tracker>
  static std::vector<std::uint8_t> online(const Tracker& tracker) {
    const auto image = tracker.online_template();
    return {image.data_handle(), image.data_handle() + image.size()};
  }

  void crop(const char* name, const examples::frame_view& frame, const examples::box& target, double factor, std::size_t side) {
    if (!s_.wants_mid() || s_.file().find(name) == nullptr) return;
    std::vector<std::uint8_t> image(side * side * 3);
    const workspace scratch(examples::sample_target_bytes(side));
    examples::sample_target(frame, examples::square_around(target, factor),
                            image_u8_view<std::uint8_t>(image.data(), dynamic_extents<3>(side, side, 3)), scratch.scratch());
    const std::size_t shape[] = {side, side, 3};
    s_.check_bytes(name, image, shape, 1);
  }

  /// The student is the network with weaker branches, the teacher of the second stage the network itself.
  void distill(const step& teacher) {
    network student = net_;
    for (const std::size_t i : golden_removed) set_branch_gain(student.blocks.children.at(i), static_cast<float>(golden_gain));
    prepare<Backend>(student);
    const step r = observed(student);
    const std::size_t items = r.batch;
    check("output.distill.student_reg_tokens", r.prediction, {items, 4, channels});
    check("output.distill.student_pred_boxes", r.boxes, {items, 1, 4});
    check("output.distill.student_logit_l", of_edge(r.logits, box_edge::left), {items, bins});
    if (s_.wants_mid()) check("mid.distill.student_logit_l", of_edge(r.logits, box_edge::left), {items, bins});

    const std::vector<float> truth = s_.file().floats("input.distill.gt_xywh");
    const std::vector<float> top_left = s_.file().floats("input.distill.teacher_prob_tl");
    const std::vector<float> bottom_right = s_.file().floats("input.distill.teacher_prob_br");
    std::vector<float> edges(4 * items * bins);
    edges_of_corners(make_matrix(top_left.data(), items, bins * bins), make_matrix(bottom_right.data(), items, bins * bins),
                     make_matrix(edges.data(), 4 * items, bins));
    const auto truth_rows = make_matrix(truth.data(), items, 4);
    const distillation_loss one = dense_to_sparse_loss(
        r.box_rows(), r.logit_rows(), make_matrix(std::as_const(edges).data(), 4 * items, bins), truth_rows, golden_stage1);
    number("output.distill.stage1_kl", one.edges);
    number("output.distill.stage1_total", one.total);
    number("output.distill.ciou_loss", one.ciou);
    number("output.distill.l1_loss", one.l1);

    std::vector<matched_layers> layers;
    for (std::size_t i = 0; i < golden_student_layers.size() && i < golden_teacher_layers.size(); ++i)
      layers.push_back({r.layer(golden_student_layers[i]), teacher.layer(golden_teacher_layers[i])});
    const distillation_loss two =
        deep_to_shallow_loss(r.box_rows(), r.logit_rows(), make_matrix(teacher.probabilities.data(), 4 * items, bins),
                             truth_rows, layers, golden_stage2);
    number("output.distill.stage2_kl", two.edges);
    number("output.distill.stage2_feat_mse", two.features);
    number("output.distill.stage2_total", two.total);
  }

  void number(const std::string& name, double value) { check(name, {static_cast<float>(value)}, {1}); }
};

}  // namespace

int main(int argc, char** argv) {
  return golden::run_golden(argc, argv, [](auto backend, session& s) { runner<decltype(backend)>(s).run(); });
}
#endif
