// A parameter's shape is part of its type.
// EXPECT: heddle::parameter: every extent must be a constant
#include <heddle/model/parameter.hpp>

#ifdef HEDDLE_MUST_FAIL
heddle::parameter<heddle::dyn, 48> weight;
#else
heddle::parameter<192, 48> weight;
#endif
