// Sources and positions: where rows of keys lie, and what is done to rows.
#include <heddle/attention/attention.hpp>

#include <cmath>

#include "drawing.hpp"

namespace pictures {
namespace {

using namespace heddle;

void labelled(canvas& c, int x, int y, int w, const std::string& text, const std::string& colour) {
  c.box(x, y, w, 18, colour);
  c.words(x + w / 2, y + 13, text, dark, 10, "middle");
}

/// Query heads above the heads of keys that they read.
void shared_heads(canvas& c, const std::string& title, std::size_t heads, std::size_t key_heads) {
  const int left = c.right();
  c.words(left, 14, title);
  for (std::size_t h = 0; h < heads; ++h) {
    const std::size_t kv = h / (heads / key_heads);
    labelled(c, left + static_cast<int>(h) * 26, 24, 24, numbered("q", h), group_colour(kv));
    const int centre = left + static_cast<int>((2 * kv + 1) * (heads / key_heads)) * 13 - 1;
    c.line(left + static_cast<int>(h) * 26 + 12, 42, centre, 66, ink);
    labelled(c, centre - 12, 66, 24, numbered("k", kv), group_colour(kv));
  }
}

void sources(gallery& g) {
  canvas heads;
  shared_heads(heads, "self_source: a head of keys for each", 4, 4);
  shared_heads(heads, "grouped&lt;4&gt;: 8 heads, 2 of keys", 8, 2);
  shared_heads(heads, "multi_query&lt;&gt;", 4, 1);
  g["source_heads"] = heads.svg();

  std::vector<float> stored(3);
  std::vector<float> present(5);
  const auto view = [](const std::vector<float>& v) {
    return head_view<const float, 1>(v.data(), extents<dyn, dyn, dyn, 1>(1, 1, v.size()),
                                     {v.size(), v.size(), std::size_t{1}, std::size_t{1}});
  };
  const joined_heads<float, 1, 2> joined{{view(stored), view(present)}};
  canvas c;
  c.words(8, 14, "joined_heads: the keys of two views");
  for (std::size_t i = 0; i < joined.extent(2); ++i) {
    const float* row = joined.row(0, 0, i);
    const bool first = row >= stored.data() && row < stored.data() + stored.size();
    const auto at = static_cast<int>(row - (first ? stored.data() : present.data()));
    labelled(c, 8 + static_cast<int>(i) * 30, 24, 28, numbered("k", i), group_colour(first ? 0 : 1));
    labelled(c, (first ? 8 : 118) + at * 30, 72, 28, std::to_string(at), group_colour(first ? 0 : 1));
    c.line(22 + static_cast<int>(i) * 30, 42, (first ? 22 : 132) + at * 30, 72, ink);
  }
  g["source_joined_heads"] = c.svg();

  std::vector<float> memory(8 * 2);
  const auto slots = [&](float* data) {
    return head_view<float, 1>(data, extents<dyn, dyn, dyn, 1>(1, 1, 8),
                               {std::size_t{8}, std::size_t{8}, std::size_t{1}, std::size_t{1}});
  };
  kv_cache<float, 1, cache_mode::ring> cache(slots(memory.data()), slots(memory.data() + 8));
  std::vector<float> token(1);
  for (int i = 0; i < 11; ++i) cache.append(view(token), view(token));
  canvas ring;
  ring.words(8, 14, "a ring of 8 slots after 11 tokens: kv_cache, cache_mode::ring");
  const auto keys = cache.keys();
  for (std::size_t i = 0; i < cache.size(); ++i) {
    const auto slot = static_cast<int>(keys.row(0, 0, i) - memory.data());
    labelled(ring, 8 + slot * 44, 24, 42, numbered("key ", i), group_colour(1));
    ring.words(29 + slot * 44, 58, numbered("token ", cache.first_position() + i), ink, 10, "middle");
  }
  g["source_kv_cache"] = ring.svg();
}

template <class Position>
void turned(canvas& c, const std::string& title, const Position& position) {
  const int left = c.right();
  c.words(left, 14, title);
  c.heat(left, 24, 14, 16, 12, [&](std::size_t token, std::size_t d) {
    std::vector<float> row(16, 1.0F);
    position(row.data(), row.size(), 0, token, row_role::key);
    return static_cast<double>(row[d]) / 1.4143;
  });
}

void positions_of(gallery& g) {
  canvas c;
  turned(c, "rotary&lt;halves&gt;: tokens down, elements across", rotary<rotary_pairs::halves>{.base = 100.0F});
  turned(c, "rotary&lt;interleaved&gt;", rotary<rotary_pairs::interleaved>{.base = 100.0F});
  g["position_rotary"] = c.svg();

  canvas norm;
  const auto rows = [&](const std::string& title, bool layer, bool rms) {
    const int left = norm.right();
    norm.words(left, 14, title);
    norm.heat(left, 24, 6, 12, 12, [&](std::size_t token, std::size_t element) {
      std::vector<float> row;
      for (std::size_t d = 0; d < 12; ++d)
        row.push_back((0.2F + 0.3F * static_cast<float>(token)) * (std::sin(0.9F * static_cast<float>(d)) + 0.5F));
      if (layer) qk_norm<row_norm::layer>{}(row.data(), row.size(), 0, token, row_role::key);
      if (rms) qk_norm<row_norm::rms>{}(row.data(), row.size(), 0, token, row_role::key);
      return static_cast<double>(row[element]) / 2.2;
    });
  };
  rows("rows of keys, as they come", false, false);
  rows("qk_norm&lt;rms&gt;", false, true);
  rows("qk_norm&lt;layer&gt;", true, false);
  g["position_qk_norm"] = norm.svg();
}

}  // namespace

void draw_rows(gallery& g) {
  sources(g);
  positions_of(g);
}

}  // namespace pictures
