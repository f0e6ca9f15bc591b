// EXPECT: a relative bias needs groups whose keys are their queries
#include <heddle/attention/plan.hpp>

#ifdef HEDDLE_MUST_FAIL
using local = heddle::attention<heddle::neighborhood<7>, heddle::relative_position_bias<>>;
#else
using local = heddle::attention<heddle::neighborhood<7>, heddle::neighborhood_bias>;
#endif
const std::size_t bytes = heddle::plan_bytes(local{}, heddle::token_grid{1, 56, 56}, 3);
