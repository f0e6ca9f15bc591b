// Masks: queries down, keys across, in tiles as a kernel asks for them.
#include <heddle/attention/attention.hpp>

#include "drawing.hpp"

namespace pictures {
namespace {

using namespace heddle;
constexpr int cell = 6;
constexpr std::size_t side = 8;  // of a tile
constexpr int top = 24;

template <class Mask, class Context>
void panel(canvas& c, const std::string& title, const Mask& mask, const Context& context) {
  const int left = c.right();
  c.words(left, 14, title);
  const auto at = [](std::size_t i) { return static_cast<int>(i) * cell + static_cast<int>(i / side) * 2; };
  for (std::size_t q0 = 0; q0 < context.queries; q0 += side)
    for (std::size_t k0 = 0; k0 < context.keys; k0 += side) {
      const std::size_t q1 = q0 + side < context.queries ? q0 + side : context.queries;
      const std::size_t k1 = k0 + side < context.keys ? k0 + side : context.keys;
      const int w = static_cast<int>(k1 - k0) * cell;
      const int h = static_cast<int>(q1 - q0) * cell;
      const tile said = detail::classify(mask, context, q0, q1, k0, k1);
      if (said == tile::full) {
        c.box(left + at(k0), top + at(q0), w, h, full_colour);
        continue;
      }
      c.box(left + at(k0), top + at(q0), w, h, hidden_colour,
            said == tile::skip ? "fill-opacity=\"0.12\"" : "fill-opacity=\"0.4\"");
      if (said == tile::skip) continue;
      for (std::size_t q = q0; q < q1; ++q)
        for (std::size_t k = k0; k < k1; ++k)
          if (detail::visible<float>(mask, context, static_cast<float>(q), static_cast<float>(k)))
            c.box(left + at(k), top + at(q), cell - 1, cell - 1, partial_colour);
    }
}

using context = group_context<strided_groups<>>;
context problem(std::size_t queries, std::size_t keys) { return {0, 0, 0, queries, keys, nullptr}; }

template <class Mask>
void one(gallery& g, const std::string& name, const std::string& title, const Mask& mask, std::size_t queries = 40,
         std::size_t keys = 40) {
  canvas c;
  panel(c, title, mask, problem(queries, keys));
  g["mask_" + name] = c.svg();
}

void regions(gallery& g) {
  const auto map = window<>{6, 6, 3, 2}.map({1, 12, 12});
  canvas c;
  const char* titles[] = {"same_region, a window inside", "at the right", "at the bottom", "in the corner"};
  for (std::size_t group = 0; group < 4; ++group) panel(c, titles[group], same_region{}, context{0, group, 0, 36, 36, &map});
  g["mask_same_region"] = c.svg();
}

void legend(gallery& g) {
  canvas c;
  const auto entry = [&](const std::string& colour, const char* opacity, const std::string& text) {
    const int x = c.right();
    c.box(x, 6, 14, 14, colour, std::string("fill-opacity=\"") + opacity + '"');
    c.words(x + 20, 17, text);
  };
  entry(full_colour, "1", "full tile: never asked");
  entry(partial_colour, "1", "visible pair of a partial tile");
  entry(hidden_colour, "0.4", "hidden pair of a partial tile");
  entry(hidden_colour, "0.12", "skipped tile: never computed");
  g["mask_legend"] = c.svg();
}

}  // namespace

void draw_masks(gallery& g) {
  legend(g);
  one(g, "full", "full", full{});
  {
    canvas c;
    panel(c, "causal&lt;&gt;", causal<>{}, problem(40, 40));
    panel(c, "causal&lt;bottom_right&gt;, 16 queries, 40 keys", causal<alignment::bottom_right>{}, problem(16, 40));
    g["mask_causal"] = c.svg();
  }
  one(g, "prefix", "prefix&lt;12&gt;", prefix<12>{});
  {
    canvas c;
    panel(c, "sliding&lt;10&gt;", sliding<10>{}, problem(40, 40));
    panel(c, "sliding&lt;6, band_side::both&gt;", sliding<6, band_side::both>{}, problem(40, 40));
    g["mask_sliding"] = c.svg();
  }
  const std::vector<std::int32_t> length{27};
  one(g, "lengths", "lengths{27}", lengths{length});
  const std::vector<std::int32_t> offsets{0, 9, 13, 29, 36};
  {
    canvas c;
    panel(c, "packed_lengths{0, 9, 13, 29, 36}", packed_lengths{offsets}, problem(40, 40));
    panel(c, "all_of{packed_lengths, causal}", all_of{packed_lengths{offsets}, causal<>{}}, problem(40, 40));
    g["mask_packed_lengths"] = c.svg();
  }
  one(g, "mixed", "mixed&lt;segments&lt;8, 8, 20, 4&gt;, ...&gt;",
      mixed<segments<8, 8, 20, 4>, sees<0, 1>, sees<0, 1>, sees<0, 1, 2, 3>, sees<0, 1, 2, 3>>{});
  regions(g);
  const std::vector<std::uint8_t> blocks{1, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 1};
  one(g, "block_sparse", "block_sparse&lt;8&gt;", block_sparse<8>{blocks});
  one(g, "open_if_empty", "open_if_empty{block_sparse&lt;8&gt;}: the fourth row of blocks saw nothing",
      open_if_empty{block_sparse<8>{blocks}});
  one(g, "visible_if", "visible_if{q + k even}", visible_if{[](std::size_t q, std::size_t k) { return (q + k) % 2 == 0; }}, 24,
      24);
  {
    canvas c;
    const sliding<10, band_side::both> near;
    panel(c, "all_of{sliding, causal}", all_of{near, causal<>{}}, problem(40, 40));
    panel(c, "any_of{sliding, prefix&lt;6&gt;}", any_of{near, prefix<6>{}}, problem(40, 40));
    panel(c, "none_of{sliding}", none_of{near}, problem(40, 40));
    g["mask_combined"] = c.svg();
  }
}

}  // namespace pictures
