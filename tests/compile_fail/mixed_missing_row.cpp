// EXPECT: one sees<...> for each segment of queries
// EXPECT: mixed_rows<3(UL)?, 2(UL)?>
#include <heddle/attention/attention.hpp>

#ifdef HEDDLE_MUST_FAIL
using tracker = heddle::mixed<heddle::segments<49, 49, 196>, heddle::sees<0, 1>, heddle::sees<0, 1, 2>>;
#else
using tracker = heddle::mixed<heddle::segments<49, 49, 196>, heddle::sees<0, 1>, heddle::sees<0, 1>, heddle::sees<0, 1, 2>>;
#endif
const heddle::attention a{tracker{}};
