// EXPECT: two partition policies; a composition has one
#include <heddle/attention/attention.hpp>

#ifdef HEDDLE_MUST_FAIL
const heddle::attention<heddle::window<8>, heddle::softmax, heddle::global> a;
#else
const heddle::attention<heddle::window<8>, heddle::softmax> a;
#endif
