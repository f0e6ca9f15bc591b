// EXPECT: heddle::window: the sides must be positive
#include <heddle/attention/attention.hpp>

#ifdef HEDDLE_MUST_FAIL
const heddle::attention a{heddle::window<4, 0>{}};
#else
const heddle::attention a{heddle::window<4, 4>{}};
#endif
