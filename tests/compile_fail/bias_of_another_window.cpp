// EXPECT: a position bias is for another window than the partition's
// EXPECT: bias_and_window<heddle::(v0::)?relative_position_bias<7(UL)?.*1(UL)?, 7(UL)?, 7(UL)?, 1(UL)?, 8(UL)?, 8(UL)?>
#include <heddle/attention/plan.hpp>

#ifdef HEDDLE_MUST_FAIL
using swin = heddle::attention<heddle::window<8>, heddle::relative_position_bias<7>>;
#else
using swin = heddle::attention<heddle::window<7>, heddle::relative_position_bias<7>>;
#endif
const std::size_t bytes = heddle::plan_bytes(swin{}, heddle::token_grid{1, 56, 56}, 3);
