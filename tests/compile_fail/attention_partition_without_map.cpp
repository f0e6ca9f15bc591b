// EXPECT: a partition policy needs .map\(token_grid\). that returns an index map
#include <heddle/attention/attention.hpp>

struct rows {
  using policy_category = heddle::partition_tag;
#ifdef HEDDLE_MUST_FAIL
  std::size_t groups(heddle::token_grid g) const { return g.height; }
#else
  auto map(heddle::token_grid g) const { return heddle::window<>{1, g.width}.map(g); }
#endif
};
const heddle::attention<rows> a;
