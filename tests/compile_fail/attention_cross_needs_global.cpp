// EXPECT: the source cross_source needs the partition global
#include <heddle/attention/plan.hpp>

#ifdef HEDDLE_MUST_FAIL
using cross = heddle::attention<heddle::window<8>, heddle::cross_source>;
#else
using cross = heddle::attention<heddle::cross_source>;
#endif
const std::size_t bytes = heddle::plan_bytes(cross{}, heddle::token_grid{1, 8, 8}, 2);
