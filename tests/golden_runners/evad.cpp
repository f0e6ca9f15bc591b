// The golden "evad": from clips to detections, and on request what dropout left and what lies between.
#include "golden_config.hpp"
#include "support/run.hpp"

#if defined(HEDDLE_GOLDEN_REFUSED)
int main() { return heddle::golden::refuse(HEDDLE_GOLDEN_REFUSED); }
#else

#include <memory>
#include <string>
#include <vector>

namespace {

using namespace heddle;
using golden::map_tensor;
using golden::session;
using network = examples::evad<golden_config>;
constexpr std::size_t queries = network::queries;
using volume = tensor<float, dynamic_extents<5>>;
using matrix = std::vector<float>;

std::string clip_name(std::size_t b) { return "input.clip" + std::to_string(b); }

/// All clips, `[3, frames, height, width]` in the file, padded right and below to multiples of 32 of the largest.
struct clips {
  std::size_t batch = 0;
  matrix sizes{};  ///< width, height of each
  volume pixels{};
};
clips read_clips(const session& s) {
  clips c;
  std::size_t height = 0;
  std::size_t width = 0;
  for (; s.file().find(clip_name(c.batch)) != nullptr; ++c.batch) {
    const auto shape = s.shape(clip_name(c.batch));
    height = std::max(height, (shape[2] + 31) / 32 * 32);
    width = std::max(width, (shape[3] + 31) / 32 * 32);
    c.sizes.push_back(static_cast<float>(shape[3]));
    c.sizes.push_back(static_cast<float>(shape[2]));
  }
  c.pixels = volume(dynamic_extents<5>(c.batch, golden_config.frames, height, width, 3));
  std::fill_n(c.pixels.data(), c.pixels.size(), 0.0F);
  for (std::size_t b = 0; b < c.batch; ++b) {
    const auto e = s.shape(clip_name(b));
    const std::vector<float> values = s.file().floats(clip_name(b));
    std::size_t i = 0;
    for (std::size_t channel = 0; channel < 3; ++channel)
      for (std::size_t t = 0; t < e[1]; ++t)
        for (std::size_t y = 0; y < e[2]; ++y)
          for (std::size_t x = 0; x < e[3]; ++x) c.pixels(b, t, y, x, channel) = values.at(i++);
  }
  return c;
}

/// Compares what lies between, where the file has it.
template <class Backend>
struct recorder {
  session& s;

  void after_block(std::size_t i, const examples::evad_tokens& t) const {
    const std::string name = "mid.block" + std::to_string(i) + "_idx";
    if (!s.wants_mid() || s.file().find(name) == nullptr) return;
    std::vector<std::int64_t> numbers;
    for (std::size_t b = 0; b < t.batch; ++b) {
      const auto own = golden::on_host<Backend>(t.numbers_of(b).data(), t.numbers_of(b).size());
      numbers.insert(numbers.end(), own.begin(), own.end());
    }
    const std::size_t shape[] = {t.batch, t.tokens - t.keyframe};
    s.check_integers(name, numbers, shape);
  }
  void tokens(const examples::evad_tokens& t) const {
    if (!s.wants_mid()) return;
    std::vector<std::int64_t> mask(t.batch * t.others, 1);
    for (std::size_t b = 0; b < t.batch; ++b)
      for (const std::int32_t i : golden::on_host<Backend>(t.numbers_of(b).data(), t.numbers_of(b).size()))
        mask[b * t.others + static_cast<std::size_t>(i)] = 0;
    const std::size_t shape_of_mask[] = {t.batch, t.others};
    if (s.file().find("mid.mask") != nullptr) s.check_integers("mid.mask", mask, shape_of_mask);
    rows("mid.x_vis", as_const(t.rows), t.batch);
  }
  void level(std::size_t l, map_view<const float> map) const {
    const std::string name = "mid.p" + std::to_string(l);
    if (s.wants_mid() && s.file().find(name) != nullptr) {
      map_tensor copy(map.extents());
      const auto values = golden::on_host<Backend>(map.data_handle(), map.size());
      std::copy(values.begin(), values.end(), copy.data());
      s.check_map(name, copy.view());
    }
  }
  void decoder_input(matrix_view<const float> x) const { rows("mid.decoder_in", x, batch); }

  std::size_t batch = 1;

 private:
  void rows(const std::string& name, matrix_view<const float> x, std::size_t images) const {
    if (!s.wants_mid() || s.file().find(name) == nullptr) return;
    const std::size_t shape[] = {images, x.extent(0) / images, x.extent(1)};
    s.check(name, golden::on_host<Backend>(x.data_handle(), x.size()), shape);
  }
};

/// Persons of one clip, appended.
struct found {
  matrix person_scores{};
  matrix person_boxes{};
  matrix action_boxes{};
  matrix action_scores{};

  void add(std::size_t b, matrix_view<const float> logits, matrix_view<const float> boxes, matrix_view<const float> actions,
           const examples::evad_sizes& sizes) {
    matrix scores(queries);
    matrix in_video(queries * 4);
    matrix of_actions(queries * golden_config.actions);
    std::vector<std::int32_t> chosen(queries);
    examples::person_scores(logits, scores);
    examples::boxes_in_video(boxes, sizes, make_matrix(in_video.data(), queries, 4));
    examples::action_scores(actions, make_matrix(of_actions.data(), queries, golden_config.actions));
    const std::size_t n = examples::choose_persons(scores, static_cast<float>(golden_config.person_threshold.value()), chosen);
    person_scores.insert(person_scores.end(), scores.begin(), scores.end());
    person_boxes.insert(person_boxes.end(), in_video.begin(), in_video.end());
    for (std::size_t i = 0; i < n; ++i) {
      const auto q = static_cast<std::size_t>(chosen[i]);
      action_boxes.push_back(static_cast<float>(b));
      for (std::size_t k = 0; k < 4; ++k)
        action_boxes.push_back(in_video[4 * q + k] / (k % 2 == 0 ? sizes.video_width : sizes.video_height));
      const auto* const from = of_actions.data() + q * golden_config.actions;
      action_scores.insert(action_scores.end(), from, from + golden_config.actions);
    }
  }
};

template <class Backend>
void run_all(session& s) {
  const auto net = std::make_unique<network>();
  golden::load_weights<Backend>(*net, s, network::key_map());
  const clips c = read_clips(s);
  const std::size_t rows = c.batch * queries;
  golden::placed<Backend> placed_logits(rows * 2);
  golden::placed<Backend> placed_boxes(rows * 4);
  golden::placed<Backend> placed_actions(rows * golden_config.actions);
  const golden::placed<Backend> pixels(as_span(c.pixels.view()));
  const golden::placed<Backend> sizes(c.sizes);
  const golden::workspace_of<Backend> scratch(network::scratch_bytes(Backend{}, c.pixels.extents()));
  net->forward(context<Backend>{Backend{}, scratch.scratch()}, volume_view<const float>(pixels.data(), c.pixels.extents()),
               make_matrix(sizes.data(), c.batch, 2),
               {make_matrix(placed_logits.data(), rows, 2), make_matrix(placed_boxes.data(), rows, 4),
                make_matrix(placed_actions.data(), rows, golden_config.actions)},
               recorder<Backend>{s, c.batch});
  matrix logits = placed_logits.host();
  matrix boxes = placed_boxes.host();
  matrix actions = placed_actions.host();
  const examples::evad_outputs y{make_matrix(logits.data(), rows, 2), make_matrix(boxes.data(), rows, 4),
                                 make_matrix(actions.data(), rows, golden_config.actions)};

  const std::vector<std::int64_t> video = s.file().integers("input.ori_hw");
  found all;
  for (std::size_t b = 0; b < c.batch; ++b)
    all.add(b, as_const(row_range(y.logits, b * queries, queries)), as_const(row_range(y.boxes, b * queries, queries)),
            as_const(row_range(y.actions, b * queries, queries)),
            {c.sizes[2 * b], c.sizes[2 * b + 1], static_cast<float>(video[2 * b + 1]), static_cast<float>(video[2 * b])});

  const auto check = [&](const char* name, const matrix& got, std::size_t first, std::size_t second, std::size_t third = 0) {
    const std::size_t shape[] = {first, second, third};
    s.check(name, got, std::span<const std::size_t>(shape, third == 0 ? 2 : 3));
  };
  check("output.pred_logits", logits, c.batch, queries, 2);
  check("output.pred_boxes", boxes, c.batch, queries, 4);
  check("output.pred_actions", actions, c.batch, queries, golden_config.actions);
  check("output.person_scores", all.person_scores, c.batch, queries);
  check("output.person_boxes", all.person_boxes, c.batch, queries, 4);
  check("output.action_boxes", all.action_boxes, all.action_boxes.size() / 5, 5);
  check("output.action_scores", all.action_scores, all.action_boxes.size() / 5, golden_config.actions);
}

}  // namespace

int main(int argc, char** argv) {
  return golden::run_golden(argc, argv, [](auto backend, session& s) { run_all<decltype(backend)>(s); });
}
#endif
