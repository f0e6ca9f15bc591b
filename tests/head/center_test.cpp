// The centre head's decoder against cases by hand, its shapes, and the window.
#include <heddle/head/center.hpp>

#include <heddle/backend/reference.hpp>

#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/random_weights.hpp"

namespace {

using namespace heddle;

/// Maps of 3 x 4 cells.
struct small_maps {
  std::vector<float> score = std::vector<float>(12, 0.1f);
  std::vector<float> size = std::vector<float>(24, 0.25f);
  std::vector<float> offset = std::vector<float>(24, 0.0f);
  center_maps view() {
    return {{score.data(), map_extents(1, 3, 4, 1)},
            {size.data(), map_extents(1, 3, 4, 2)},
            {offset.data(), map_extents(1, 3, 4, 2)}};
  }
};

}  // namespace

TEST_CASE("hann_window has no zeros at its ends") {
  float window[3] = {};
  hann_window(window);
  CHECK(window[0] == Approx(0.5));
  CHECK(window[1] == Approx(1.0));
  CHECK(window[2] == Approx(0.5));
  float one[1] = {};
  hann_window(one);
  CHECK(one[0] == Approx(1.0));
}

TEST_CASE("decode_center takes the best cell with its offset and size, x first") {
  small_maps m;
  m.score[2 * 4 + 1] = 0.8f;
  m.offset[2 * (2 * 4 + 1)] = 0.5f;
  m.offset[2 * (2 * 4 + 1) + 1] = -0.25f;
  m.size[2 * (2 * 4 + 1)] = 0.3f;
  m.size[2 * (2 * 4 + 1) + 1] = 0.6f;
  const center_box b = decode_center(m.view(), {}, {});
  CHECK(b.row == 2);
  CHECK(b.column == 1);
  CHECK(b.cx == Approx((1 + 0.5) / 4));
  CHECK(b.cy == Approx((2 - 0.25) / 3));
  CHECK(b.width == Approx(0.3));
  CHECK(b.height == Approx(0.6));
  CHECK(b.score == Approx(0.8));
}

TEST_CASE("decode_center: windows choose the cell, the score is that of the map, the first of equals wins") {
  small_maps m;
  m.score[0] = 0.9f;
  m.score[1 * 4 + 1] = 0.5f;
  m.score[1 * 4 + 2] = 0.5f;
  const std::vector<float> rows{0.1f, 1.0f, 0.1f};
  const std::vector<float> columns{0.1f, 1.0f, 1.0f, 0.1f};
  const center_box b = decode_center(m.view(), rows, columns);
  CHECK(b.row == 1);
  CHECK(b.column == 1);
  CHECK(b.score == 0.9f);
  CHECK_THROWS_AS(decode_center(m.view(), columns, columns), shape_error);
}

TEST_CASE("decode_center: a map of NaN gives the first cell and no confidence") {
  small_maps m;
  m.score.assign(12, std::numeric_limits<float>::quiet_NaN());
  const center_box b = decode_center(m.view(), {}, {});
  CHECK(b.row == 0);
  CHECK(b.column == 0);
  CHECK(b.score == 0.0f);
}

TEST_CASE("center_head: outputs of another shape are refused before any work") {
  center_head<8, center_channels{4, 4, 4, 4}> head;
  test::bind_random_weights(head, 1);
  prepare<reference>(head);
  const map_extents e(1, 3, 4, 8);
  const std::vector<float> x = test::normal_vector(e.size(), 2);
  const workspace scratch(decltype(head)::scratch_bytes(reference{}, e));
  small_maps m;
  const context<reference> ctx{reference{}, scratch.scratch()};
  head.forward(ctx, map_view<const float>(x.data(), e), m.view());
  for (const float s : m.score) CHECK((s >= 1e-4f && s <= 1.0f - 1e-4f));
  center_maps wrong = m.view();
  wrong.size = map_view<float>(m.size.data(), map_extents(1, 3, 4, 1));
  CHECK_THROWS_AS(head.forward(ctx, map_view<const float>(x.data(), e), wrong), shape_error);
}
