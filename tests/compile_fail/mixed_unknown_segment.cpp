// EXPECT: sees<...> names a segment that is not there
// EXPECT: mixed_columns<2(UL)?, 4(UL)?>
#include <heddle/attention/attention.hpp>

#ifdef HEDDLE_MUST_FAIL
const heddle::attention a{heddle::mixed<heddle::segments<49, 196>, heddle::sees<0>, heddle::sees<0, 3>>{}};
#else
const heddle::attention a{heddle::mixed<heddle::segments<49, 196>, heddle::sees<0>, heddle::sees<0, 1>>{}};
#endif
