// Index maps: tokens of a grid, coloured and numbered by group.
#include <heddle/attention/attention.hpp>

#include "drawing.hpp"

namespace pictures {
namespace {

using namespace heddle;
constexpr int cell = 18;
constexpr int top = 24;

/// Where a token of a grid is drawn; frames lie side by side.
struct sheet {
  token_grid grid;
  int left;
  int x(std::size_t token) const {
    const std::size_t frame = token / (grid.height * grid.width);
    return left + static_cast<int>(frame) * (static_cast<int>(grid.width) * cell + 10) +
           static_cast<int>(token % grid.width) * cell;
  }
  int y(std::size_t token) const { return top + static_cast<int>(token / grid.width % grid.height) * cell; }
};

template <class Partition>
void panel(canvas& c, const std::string& title, const Partition& partition, const token_grid& grid) {
  const auto map = partition.map(grid);
  const sheet s{grid, c.right()};
  c.words(s.left, 14, title);
  std::vector<std::int32_t> tokens(map.group_size());
  std::size_t padding = 0;
  const auto each = [&](std::size_t group, auto&& draw) {
    map.tokens(group, tokens.data());
    for (const std::int32_t t : tokens)
      if (t >= 0) draw(s.x(static_cast<std::size_t>(t)), s.y(static_cast<std::size_t>(t)));
  };
  for (std::size_t group = 0; group < map.groups(); ++group) {
    each(group, [&](int x, int y) { c.box(x, y, cell - 1, cell - 1, group_colour(group)); });
    each(group, [&](int x, int y) { c.words(x + cell / 2, y + 13, std::to_string(group), dark, 9, "middle"); });
    for (const std::int32_t t : tokens) padding += t < 0 ? 1 : 0;
  }
  if (padding != 0)
    c.words(s.left, top + static_cast<int>(grid.height) * cell + 14, std::to_string(padding) + " positions of padding");
}

template <class Partition>
void one(gallery& g, const std::string& name, const std::string& title, const Partition& partition, const token_grid& grid) {
  canvas c;
  panel(c, title, partition, grid);
  g[name] = c.svg();
}

/// One tile of queries, the keys around it, and what one of the queries sees.
template <class Partition>
void neighbours(canvas& c, const std::string& title, const Partition& partition, const token_grid& grid, std::size_t group,
                std::size_t query) {
  const auto map = partition.map(grid);
  const sheet s{grid, c.right()};
  const group_context<neighborhood_groups> context{0, group, 0, map.group_size(), map.key_group_size(), &map};
  c.words(s.left, 14, title);
  for (std::size_t t = 0; t < grid.size(); ++t) c.frame(s.x(t), s.y(t), cell - 1, cell - 1, hidden_colour);
  for (const bool visible : {false, true}) {
    for (std::size_t k = 0; k < context.keys; ++k) {
      const std::int32_t t = map.key_token(group, k);
      const bool seen = map.visible(context, static_cast<float>(query), static_cast<float>(k));
      if (t >= 0 && seen == visible)
        c.box(s.x(static_cast<std::size_t>(t)), s.y(static_cast<std::size_t>(t)), cell - 1, cell - 1,
              seen ? full_colour : key_colour);
    }
  }
  for (std::size_t q = 0; q < context.queries; ++q) {
    const std::int32_t t = map.token(group, q);
    if (t >= 0) c.frame(s.x(static_cast<std::size_t>(t)) + 2, s.y(static_cast<std::size_t>(t)) + 2, cell - 5, cell - 5, dark);
  }
  const auto t = static_cast<std::size_t>(map.token(group, query));
  c.box(s.x(t) + 5, s.y(t) + 5, cell - 11, cell - 11, query_colour);
}

}  // namespace

void draw_partitions(gallery& g) {
  const token_grid map{1, 8, 8};
  one(g, "partition_global", "global", global{}, {1, 4, 8});
  {
    canvas c;
    panel(c, "window&lt;4&gt;", window<4>{}, map);
    panel(c, "window&lt;4&gt;{2, 2}: shifted", window<4>{2, 2}, map);
    panel(c, "window&lt;3&gt; on 7 x 8: padded", window<3>{}, {1, 7, 8});
    g["partition_window"] = c.svg();
  }
  one(g, "partition_window_3d", "window&lt;2, 2, 3&gt; on 4 frames, the last pair rolled: shift_t = 1",
      window<2, 2, 3>{0, 0, 1}, {4, 4, 6});
  {
    canvas c;
    panel(c, "block&lt;4&gt;", block<4>{}, map);
    panel(c, "grid&lt;4&gt;", grid<4>{}, map);
    g["partition_block"] = c.svg();
  }
  {
    canvas c;
    panel(c, "adaptive_block on 9 x 9", adaptive_block{}, {1, 9, 9});
    panel(c, "adaptive_grid on 9 x 9", adaptive_grid{}, {1, 9, 9});
    g["partition_adaptive"] = c.svg();
  }
  {
    canvas c;
    panel(c, "axial_rows", axial_rows{}, {1, 6, 8});
    panel(c, "axial_columns", axial_columns{}, {1, 6, 8});
    g["partition_axial"] = c.svg();
  }
  one(g, "partition_spatial", "spatial: a frame is a group", spatial{}, {4, 4, 4});
  one(g, "partition_temporal", "temporal: a place is a group", temporal{}, {4, 4, 4});
  {
    canvas c;
    panel(c, "dilated&lt;2&gt;", dilated<2>{}, {1, 6, 8});
    panel(c, "dilated&lt;3&gt; on a sequence", dilated<3>{}, sequence_grid(13));
    g["partition_dilated"] = c.svg();
  }
  const std::vector<std::int32_t> list{0, 9, 2, 17, 12, 23, 1, 8, 16, 18, 5, 11, 3, 4, 20, 21, 22, -1};
  one(g, "partition_gathered", "gathered&lt;6&gt; of a list", gathered<6>{list.data(), 3}, {1, 4, 6});
  {
    canvas c;
    neighbours(c, "neighborhood&lt;5&gt;", neighborhood<5>{}, {1, 20, 20}, 4, 27);
    neighbours(c, "in a corner", neighborhood<5>{}, {1, 20, 20}, 0, 1);
    neighbours(c, "neighborhood&lt;5&gt;{2}: dilated", neighborhood<5>{2}, {1, 20, 20}, 0, 44);
    g["partition_neighborhood"] = c.svg();
  }
}

}  // namespace pictures
