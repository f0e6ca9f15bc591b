// The golden "mixformer-vit": boxes and scores of the joint forward pass, scores of given boxes, the cached path with several
// online templates, and on request the maps on the way.
#include "golden_config.hpp"
#include "support/run.hpp"

#if defined(HEDDLE_GOLDEN_REFUSED)
int main() { return heddle::golden::refuse(HEDDLE_GOLDEN_REFUSED); }
#else

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace {

using namespace heddle;
using golden::map_tensor;
using golden::session;
using network = examples::mixformer_vit<golden_config>;

/// Image `b` of a batch.
map_tensor image_of(const map_tensor& all, std::size_t b) {
  map_tensor one(map_extents(1, all.extent(1), all.extent(2), all.extent(3)));
  std::memcpy(one.data(), all.data() + b * one.size(), one.size() * sizeof(float));
  return one;
}

/// `Network` is a parameter so that what a configuration lacks is left out.
template <class Backend, class Network = network>
class runner {
  using state = examples::mixvit_memory<golden_config, Backend>;
  using placed_map = golden::placed_map<Backend>;
  session& s_;
  Network net_{};

 public:
  explicit runner(session& s) : s_(s) { golden::load_weights<Backend>(net_, s, Network::key_map()); }

  void run() {
    if (has("output.pred_boxes")) joint();
    if (has("output.cached.pred_boxes")) cached();
  }

 private:
  bool has(const char* name) const { return s_.file().find(name) != nullptr; }

  void remember(const std::vector<map_tensor>& templates, state& memory) const {
    std::vector<placed_map> placed;
    for (const map_tensor& t : templates) placed.emplace_back(t);
    std::vector<map_view<const float>> views;
    for (const placed_map& p : placed) views.push_back(p.view());
    const golden::workspace_of<Backend> scratch(Network::template_bytes(Backend{}, memory.batch(), templates.size()));
    net_.set_templates(context<Backend>{Backend{}, scratch.scratch()}, views, memory);
  }

  /// Boxes in the centre form of the file, and logits.
  void compare(const std::string& prefix, const map_tensor& search, const state& memory) {
    const std::size_t batch = search.extent(0);
    const placed_map image(search);
    golden::placed<Backend> written(5 * batch);  // boxes, then logits
    const golden::workspace_of<Backend> scratch(Network::scratch_bytes(Backend{}, batch, memory.templates()));
    auto frame = golden::make_frame_step<Backend>([&](const Backend& backend) {
      net_.forward(context<Backend>{backend, scratch.scratch()}, image.view(), memory,
                   map_view<float>(written.data(), map_extents(batch, 1, 1, 4)), {written.data() + 4 * batch, batch});
    });
    frame();
    const std::vector<float> copied = written.host();
    std::vector<float> centres;
    for (std::size_t b = 0; b < batch; ++b) {
      const float* const c = copied.data() + 4 * b;
      centres.insert(centres.end(), {(c[0] + c[2]) / 2, (c[1] + c[3]) / 2, c[2] - c[0], c[3] - c[1]});
    }
    const std::size_t shape[] = {batch, 1, 4};
    s_.check(prefix + "pred_boxes", centres, shape);
    if (!Network::has_score) return;
    const std::size_t scores[] = {batch};
    s_.check(prefix + "pred_scores", std::span(copied).subspan(4 * batch), scores);
  }

  void joint() {
    std::vector<map_tensor> templates;
    templates.push_back(s_.map("input.template"));
    if (has("input.online_template")) templates.push_back(s_.map("input.online_template"));
    const map_tensor search = s_.map("input.search");
    const std::size_t batch = search.extent(0);
    state memory(templates.size(), batch);
    remember(templates, memory);
    compare("output.", search, memory);
    const placed_map image(search);
    placed_map features(Network::backbone_type::feature_extents(batch));
    const golden::workspace_of<Backend> scratch(Network::scratch_bytes(Backend{}, batch, memory.templates()));
    const context<Backend> ctx{Backend{}, scratch.scratch()};
    net_.backbone.forward(ctx, image.view(), memory, features.view());
    if constexpr (Network::has_score) given_boxes(ctx, features, memory);
    if (s_.wants_mid()) middle(ctx, features, memory);
  }

  void given_boxes(const context<Backend>& ctx, const placed_map& features, const state& memory) {
    if (!has("output.pred_scores_given_box")) return;
    const std::size_t batch = features.extents().extent(0);
    const golden::placed<Backend> boxes(s_.file().floats("input.given_box_xyxy"));
    const auto rows = make_matrix(boxes.data(), batch, 4);
    golden::placed<Backend> logits(batch);
    net_.score(ctx, features.view(), rows, memory, logits.span());
    const std::size_t shape[] = {batch};
    s_.check("output.pred_scores_given_box", logits.host(), shape);
    if (!s_.wants_mid() || !has("mid.prroi_given_box")) return;
    constexpr std::size_t side = 4;
    placed_map pooled(map_extents(batch, side, side, golden_config.dim));
    Network::score_type::pool(ctx, features.view(), rows, pooled.view());
    s_.check_map("mid.prroi_given_box", pooled.host().view());
  }

  void middle(const context<Backend>& ctx, const placed_map& features, const state& memory) {
    if (has("mid.search_2d")) s_.check_map("mid.search_2d", features.host().view());
    if (has("mid.template_2d")) {
      const std::size_t side = golden_config.template_side();
      map_tensor first(map_extents(memory.batch(), side, side, golden_config.dim));
      const std::size_t elements = first.size() / memory.batch();
      const std::vector<float> tokens = golden::on_host<Backend>(memory.tokens().data_handle(), memory.tokens().size());
      for (std::size_t b = 0; b < memory.batch(); ++b)
        std::copy_n(tokens.data() + b * memory.templates() * elements, elements, first.data() + b * elements);
      s_.check_map("mid.template_2d", first.view());
    }
    placed_map heat(Network::box_head_type::heat_extents(features.extents()));
    const auto corner = [&](const char* name, const auto& branch) {
      if (!has(name)) return;
      branch.forward(ctx, features.view(), heat.view());
      s_.check_map(name, heat.host().view());
    };
    corner("mid.score_map_tl", net_.box_head.tl);
    corner("mid.score_map_br", net_.box_head.br);
  }

  /// Template and search region of the first video, and any number of online templates.
  void cached() {
    std::vector<map_tensor> templates;
    templates.push_back(image_of(s_.map("input.template"), 0));
    const map_tensor online = s_.map("input.cached.online_templates");
    for (std::size_t i = 0; i < online.extent(0); ++i) templates.push_back(image_of(online, i));
    state memory(templates.size());
    remember(templates, memory);
    compare("output.cached.", image_of(s_.map("input.search"), 0), memory);
  }
};

}  // namespace

int main(int argc, char** argv) {
  return golden::run_golden(argc, argv, [](auto backend, session& s) { runner<decltype(backend)>(s).run(); });
}
#endif
