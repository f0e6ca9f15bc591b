// EXPECT: the observer class_row needs groups that do not share keys
#include <heddle/attention/plan.hpp>

/// Every group reads all tokens.
struct all_keys : heddle::strided_groups<> {
  constexpr std::size_t key_group_size() const { return grid.size(); }
  constexpr std::int32_t key_token(std::size_t, std::size_t i) const { return static_cast<std::int32_t>(i); }
  constexpr void key_tokens(std::size_t, std::int32_t* out) const {
    for (std::size_t i = 0; i < key_group_size(); ++i) out[i] = static_cast<std::int32_t>(i);
  }
};
struct rows {
  using policy_category = heddle::partition_tag;
  using map_type = all_keys;
  constexpr map_type map(const heddle::token_grid& g) const { return {heddle::global{}.map(g)}; }
};

#ifdef HEDDLE_MUST_FAIL
using composition = heddle::attention<rows, heddle::class_row>;
#else
using composition = heddle::attention<rows, heddle::key_importance>;
#endif
const std::size_t bytes = heddle::plan_bytes(composition{}, heddle::token_grid{1, 8, 8}, 2);
