// EXPECT: heddle::sequential: a child takes another number of channels than the child before it gives
// EXPECT: linear<48(UL)?, 96.*linear<100(UL)?, 48
#include <heddle/layer/linear.hpp>
#include <heddle/layer/sequential.hpp>

#ifdef HEDDLE_MUST_FAIL
using branch = heddle::sequential<heddle::linear<48, 96>, heddle::linear<100, 48>>;
#else
using branch = heddle::sequential<heddle::linear<48, 96>, heddle::linear<96, 48>>;
#endif
static_assert(sizeof(branch) > 0);
