// EXPECT: the last four arguments are mask policies
#include <heddle/attention/attention.hpp>

#ifdef HEDDLE_MUST_FAIL
using policy = heddle::decoupled<heddle::share::exact, heddle::share::exact, heddle::softmax>;
#else
using policy = heddle::decoupled<heddle::share::exact, heddle::share::exact, heddle::causal<>>;
#endif
const policy p{};
