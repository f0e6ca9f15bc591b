// The published network on real sequences, where the data are: how far its boxes are from the truth.
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <optional>
#include <vector>

#include "../../../examples/common/user_error.hpp"
#include "../../../examples/track/any_tracker.hpp"
#include "../../../examples/track/frames.hpp"
#include "../../support/catch.hpp"
#include "../../support/data_dir.hpp"

using namespace heddle::examples;

namespace {

/// The boxes of a table `frame,x,y,w,h...`.
std::vector<box> boxes_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<box> boxes;
  for (std::string line; std::getline(file, line);) {
    box b;
    if (std::sscanf(line.c_str(), "%*u,%lf,%lf,%lf,%lf", &b.x, &b.y, &b.w, &b.h) == 4) boxes.push_back(b);
  }
  return boxes;
}

std::vector<box> follow(const std::string& data, const std::string& sequence, const box& target) {
  const auto tracker =
      track_app::load_tracker(track_app::find_model("vittrack"), {data + "/weights/vittrack/weights.safetensors"});
  const auto frames = track_app::open_frames(data + "/tracking/" + sequence + "/img", 1);
  std::vector<box> boxes{target};
  examples::image picture;
  for (bool first = true; frames->next(picture) == track_app::frame_state::good; first = false) {
    const frame_view view{picture.bytes.data(), picture.height, picture.width, picture.row_bytes()};
    if (first) {
      tracker->init(view, target);
    } else {
      boxes.push_back(tracker->track(view).box);
    }
  }
  return boxes;
}

/// The mean overlap of two lists of boxes without the first, which is given.
double mean_overlap(const std::vector<box>& a, const std::vector<box>& b) {
  REQUIRE(a.size() == b.size());
  double sum = 0;
  for (std::size_t i = 1; i < a.size(); ++i) sum += intersection_over_union(a[i], b[i]);
  return sum / static_cast<double>(a.size() - 1);
}

std::optional<std::string> data_with_sequences() {
  const auto data = heddle::test::data_dir("ViTTrack on sequences");
  if (data && ::access((*data + "/tracking/bag/groundtruth.csv").c_str(), R_OK) == 0 &&
      ::access((*data + "/weights/vittrack/weights.safetensors").c_str(), R_OK) == 0)
    return data;
  if (data) std::printf("skipped: ViTTrack on sequences (HEDDLE_DATA_DIR has no tracking/ or weights/vittrack)\n");
  return std::nullopt;
}

}  // namespace

TEST_CASE("vittrack follows as the published tracker does") {
  const auto data = data_with_sequences();
  if (!data) return;
  struct expectation {
    const char* sequence;
    double overlap;  // the published tracker's, on the same frames
  };
  for (const auto& [sequence, overlap] : {expectation{"bag", 0.766}, expectation{"crossing", 0.611}}) {
    const auto truth = boxes_of(*data + "/tracking/" + sequence + "/groundtruth.csv");
    const double mean = mean_overlap(follow(*data, sequence, truth.at(0)), truth);
    std::printf("%s: mean IoU %.4f (published %.3f)\n", sequence, mean, overlap);
    CHECK(mean > overlap - 0.01);
    CHECK(mean < overlap + 0.01);
  }
  const auto published = boxes_of(*data + "/tracking/orange-shirt/vittrack.csv");
  const auto followed = follow(*data, "orange-shirt", published.at(0));
  CHECK(mean_overlap(followed, published) > 0.9);
  CHECK(intersection_over_union(followed.back(), published.back()) > 0.7);
}

TEST_CASE("weights of another network are refused by name") {
  const auto data = data_with_sequences();
  if (!data) return;
  std::string sentence;
  try {
    track_app::load_tracker(track_app::find_model("vittrack"), {*data + "/weights/vittrack/io.safetensors"});
  } catch (const examples::user_error& e) {
    sentence = e.what();
  }
  CHECK(sentence.find("does not hold the weights of vittrack") != std::string::npos);
  CHECK(sentence.find('\n') == std::string::npos);
}
