// EXPECT: open_if_empty: takes a mask policy
#include <heddle/attention/attention.hpp>

#ifdef HEDDLE_MUST_FAIL
const heddle::open_if_empty<heddle::window<7>> mask;
#else
const heddle::open_if_empty<heddle::causal<>> mask;
#endif
