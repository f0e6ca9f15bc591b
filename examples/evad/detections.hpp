/// @file
/// From EVAD's outputs to persons and what they do.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

#include "heddle/core/view.hpp"

namespace heddle::examples {

/// Sizes of a video before and after it was resized for the network, in pixels.
struct evad_sizes {
  float clip_width = 0;
  float clip_height = 0;
  float video_width = 0;
  float video_height = 0;
};

/// How sure the network is of a person in each box: the softmax of its two logits. @param scores `[queries]`
inline void person_scores(matrix_view<const float> logits, std::span<float> scores) {
  require_extent("person_scores: scores", "queries", logits.extent(0), scores.size());
  require_extent("person_scores: logits", "columns (person, nothing)", 2, logits.extent(1));
  for (std::size_t q = 0; q < scores.size(); ++q)
    scores[q] =
        static_cast<float>(1.0 / (1.0 + std::exp(static_cast<double>(logits(q, 1)) - static_cast<double>(logits(q, 0)))));
}

/// Boxes of the clip cut at its last pixels, in pixels of the video. @param y `[queries, 4]`, may be `boxes`
inline void boxes_in_video(matrix_view<const float> boxes, const evad_sizes& sizes, matrix_view<float> y) {
  require_extent("boxes_in_video: y", "queries", boxes.extent(0), y.extent(0));
  const float last[] = {sizes.clip_width - 1.0F, sizes.clip_height - 1.0F};
  const float scale[] = {sizes.video_width / sizes.clip_width, sizes.video_height / sizes.clip_height};
  const float end[] = {sizes.video_width, sizes.video_height};
  for (std::size_t q = 0; q < boxes.extent(0); ++q)
    for (std::size_t i = 0; i < 4; ++i)
      y(q, i) = std::clamp(std::clamp(boxes(q, i), 0.0F, last[i % 2]) * scale[i % 2], 0.0F, end[i % 2]);
}

/// The boxes that hold a person: those with a score of at least `threshold`, or all where there is none.
/// @param chosen at least one for every score @returns how many
inline std::size_t choose_persons(std::span<const float> scores, float threshold, std::span<std::int32_t> chosen) {
  std::size_t n = 0;
  for (std::size_t q = 0; q < scores.size(); ++q)
    if (scores[q] >= threshold) chosen[n++] = static_cast<std::int32_t>(q);
  if (n != 0) return n;
  for (std::size_t q = 0; q < scores.size(); ++q) chosen[q] = static_cast<std::int32_t>(q);
  return scores.size();
}

/// Scores of actions: each by itself, not multiplied by the person's. @param y like `logits`, may be the same
inline void action_scores(matrix_view<const float> logits, matrix_view<float> y) {
  require_extent("action_scores: y", "queries", logits.extent(0), y.extent(0));
  for (std::size_t q = 0; q < logits.extent(0); ++q)
    for (std::size_t a = 0; a < logits.extent(1); ++a)
      y(q, a) = static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(logits(q, a)))));
}

}  // namespace heddle::examples
