// Scores: what every pair of a query and a key gets, blue below and red above zero.
#include <heddle/attention/expanded_bias.hpp>

#include <cmath>

#include "drawing.hpp"

namespace pictures {
namespace {

using namespace heddle;
constexpr int top = 24;

/// `value(q, k)` as colours between `-largest` and `largest`.
template <class Value>
void heat(canvas& c, const std::string& title, std::size_t queries, std::size_t keys, double largest, Value&& value,
          int cell = 9) {
  const int left = c.right();
  c.words(left, 14, title);
  c.heat(left, top, queries, keys, cell, [&](std::size_t q, std::size_t k) { return value(q, k) / largest; });
}

template <class Value>
void one(gallery& g, const std::string& name, const std::string& title, std::size_t queries, std::size_t keys, double largest,
         Value&& value) {
  canvas c;
  heat(c, title, queries, keys, largest, value);
  g["score_" + name] = c.svg();
}

using context = group_context<strided_groups<>>;

/// What a function of the score makes of a score of 0.
template <class F, class Context>
auto added(const F& f, const Context& at) {
  return [&f, at](std::size_t q, std::size_t k) {
    return static_cast<double>(detail::modified<float>(f, at, 0.0F, static_cast<float>(q), static_cast<float>(k)));
  };
}

/// The bias of each offset as it would be learned: near tokens up, far ones down.
std::vector<float> learned(std::size_t depth, std::size_t height, std::size_t width) {
  std::vector<float> table;
  const auto square = [](std::size_t i, std::size_t side) {
    const double d = static_cast<double>(i) - static_cast<double>(side - 1);
    return d * d;
  };
  for (std::size_t t = 0; t < 2 * depth - 1; ++t)
    for (std::size_t y = 0; y < 2 * height - 1; ++y)
      for (std::size_t x = 0; x < 2 * width - 1; ++x)
        table.push_back(static_cast<float>(1.0 - 0.21 * square(x, width) - 0.13 * square(y, height) - 0.9 * square(t, depth)));
  return table;
}

template <class Bias>
auto of_window(const Bias& bias, window_extents w) {
  return [=](std::size_t q, std::size_t k) {
    const std::size_t dx = q % w.width + w.width - 1 - k % w.width;
    const std::size_t dy = q / w.width % w.height + w.height - 1 - k / w.width % w.height;
    if constexpr (requires { bias.offset_bias(w, 0, dy, dx, 0); }) {
      return static_cast<double>(bias.offset_bias(w, 0, dy, dx, q / w.width / w.height + w.depth - 1 - k / w.width / w.height));
    } else {
      return static_cast<double>(bias.offset_bias(w, 0, dy, dx));
    }
  };
}

void products(gallery& g) {
  // Rows that turn and grow.
  const auto row = [](std::size_t i) {
    const auto t = static_cast<float>(i);
    return std::vector<float>{(1.0F + t) * std::cos(0.4F * t), (1.0F + t) * std::sin(0.4F * t)};
  };
  const auto dot = [](const std::vector<float>& a, const std::vector<float>& b) {
    return static_cast<double>(a[0] * b[0] + a[1] * b[1]);
  };
  canvas plain;
  heat(plain, "scaled_dot: long rows score high", 12, 12, 70.0,
       [&](std::size_t q, std::size_t k) { return dot(row(q), row(k)) * static_cast<double>(scaled_dot{}.scale(0, 2)); });
  g["score_scaled_dot"] = plain.svg();
  const float logit = 2.0F;
  const cosine score{&logit, 1};
  canvas c;
  heat(c, "cosine: the same rows, the angle alone", 12, 12, std::exp(2.0), [&](std::size_t q, std::size_t k) {
    auto a = row(q);
    auto b = row(k);
    score.prepare(a.data(), 2);
    score.prepare(b.data(), 2);
    return dot(a, b) * static_cast<double>(score.scale(0, 2));
  });
  g["score_cosine"] = c.svg();
}

void tables(gallery& g) {
  const auto flat = learned(1, 5, 5);
  one(g, "relative_position_bias", "relative_position_bias&lt;5&gt;, window of 5 x 5", 25, 25, 3.0,
      of_window(relative_position_bias<5>{flat.data(), 1}, {5, 5}));
  const auto small = learned(1, 3, 3);
  one(g, "resized_position_bias", "resized_position_bias&lt;3&gt; in a window of 5 x 5", 25, 25, 1.6,
      of_window(resized_position_bias<3>{small.data(), 1}, {5, 5}));
  const auto video = learned(3, 3, 3);
  one(g, "space_time_position_bias", "space_time_position_bias&lt;3, 3, 3&gt;", 27, 27, 4.0,
      of_window(space_time_position_bias<3, 3, 3>{video.data(), 1}, {3, 3, 3}));

  const std::vector<float> w1{1.0F, 0.2F, -1.0F, 0.1F, 0.1F, 1.0F, 0.2F, -1.0F};
  const std::vector<float> b1{0.1F, 0.0F, 0.1F, 0.0F};
  const std::vector<float> w2{-1.1F, -0.9F, -1.2F, -1.0F};
  const std::vector<float> b2{1.5F};
  one(g, "log_coordinate_bias", "log_coordinate_bias, window of 5 x 5", 25, 25, 3.0,
      of_window(log_coordinate_bias{4, 1, w1.data(), b1.data(), w2.data(), b2.data()}, {5, 5}));
  one(g, "continuous_position_bias", "continuous_position_bias, window of 5 x 5", 25, 25, 9.0,
      of_window(continuous_position_bias{4, 1, w1.data(), b1.data(), w2.data()}, {5, 5}));

  const neighborhood_groups map = neighborhood<5>{}.map(sequence_grid(28));
  const auto line = learned(1, 1, 5);
  const neighborhood_bias near{line.data(), 1};
  const group_context<neighborhood_groups> at{0, 0, 0, 28, 28, &map};
  const auto bias = added(near, at);
  one(g, "neighborhood_bias", "neighborhood_bias on neighborhood&lt;5&gt;", 28, 28, 3.5, [&](std::size_t q, std::size_t k) {
    return map.visible(at, static_cast<float>(q), static_cast<float>(k)) ? bias(q, k) : 0.0;
  });
}

void functions(gallery& g) {
  canvas slopes;
  const alibi<8> eight;
  for (std::size_t head = 0; head < 3; ++head)
    heat(slopes, numbered("alibi&lt;8&gt;, head ", head), 20, 20, 9.5, added(eight, context{0, 0, head, 20, 20, nullptr}));
  g["score_alibi"] = slopes.svg();

  const std::vector<float> sizes{1, 1, 4, 1, 2, 1, 1, 8, 1, 1, 3, 1, 1, 2, 1, 1};
  std::vector<float> logs;
  for (const float s : sizes) logs.push_back(std::log(s));
  const key_bias keys{logs.data(), 16};
  const context at{0, 0, 0, 12, 16, nullptr};
  one(g, "key_bias", "key_bias of ln(size): merged tokens count more", 12, 16, 2.4,
      [&](std::size_t q, std::size_t k) { return static_cast<double>(keys.row(at, q)[k]); });

  std::vector<float> pairs;
  for (std::size_t i = 0; i < 12 * 16; ++i)
    pairs.push_back(std::sin(0.61F * static_cast<float>(i % 16)) * std::cos(0.37F * static_cast<float>(i / 16)));
  const additive_bias view = dense_bias(pairs.data(), 16, 12);
  one(g, "additive_bias", "additive_bias: rows of a view", 12, 16, 1.0,
      [&](std::size_t q, std::size_t k) { return static_cast<double>(view.row(at, q)[k]); });

  std::vector<float> boxes;
  for (std::size_t i = 0; i < 14; ++i)
    for (const float v : {0.0F, 0.0F, 6.0F, 4.0F})
      boxes.push_back(v + 1.5F * static_cast<float>(i % 7) + (boxes.size() % 2 == 0 ? 0.5F : 0.9F) * static_cast<float>(i / 7));
  const float tau = 0.5F;
  const box_geometry overlap{&tau, 1, boxes.data(), 14};
  one(g, "box_geometry", "box_geometry: ln of the overlap of boxes", 14, 14, 4.0,
      added(overlap, context{0, 0, 0, 14, 14, nullptr}));

  const auto map = window<>{5, 5, 2, 2}.map({1, 10, 10});
  one(g, "region_penalty", "region_penalty in the last window", 25, 25, 100.0,
      added(region_penalty{}, context{0, 3, 0, 25, 25, &map}));
}

void curve(gallery& g) {
  canvas c;
  const soft_cap cap{3.0F};
  c.words(8, 14, "soft_cap{3}: score in, score out");
  const int x0 = 108;
  const int y0 = 110;
  c.line(8, y0, 208, y0, ink);
  c.line(x0, 24, x0, 196, ink);
  for (const int bound : {-60, 60}) c.line(8, y0 - bound, 208, y0 - bound, hidden_colour);
  const auto y = [&](int x) {
    return y0 - static_cast<int>(
                    std::lround(20.0 * static_cast<double>(cap(static_cast<float>(x) / 10.0F, 0, 0.0F, 0.0F)) + 0.0003));
  };
  for (int x = -100; x < 100; x += 4) c.line(x0 + x, y(x), x0 + x + 4, y(x + 4), query_colour, 2);
  g["score_soft_cap"] = c.svg();
}

}  // namespace

void draw_scores(gallery& g) {
  products(g);
  tables(g);
  functions(g);
  curve(g);
}

}  // namespace pictures
