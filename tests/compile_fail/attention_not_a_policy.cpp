// EXPECT: every argument must be a policy
#include <heddle/attention/attention.hpp>

#ifdef HEDDLE_MUST_FAIL
struct window_size {};
const heddle::attention<window_size> a;
#else
const heddle::attention<heddle::window<8>> a;
#endif
