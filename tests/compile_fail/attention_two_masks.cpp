// EXPECT: two mask policies; combine them with heddle::all_of or heddle::any_of
#include <heddle/attention/attention.hpp>

#ifdef HEDDLE_MUST_FAIL
const heddle::attention<heddle::causal<>, heddle::same_region> a;
#else
const heddle::attention<heddle::all_of<heddle::causal<>, heddle::same_region>> a;
#endif
