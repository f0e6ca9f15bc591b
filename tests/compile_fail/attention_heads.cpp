// EXPECT: heddle::self_attention: channels must be divisible by heads
// EXPECT: self_attention<770(UL)?, 12
#include <heddle/layer/self_attention.hpp>

#ifdef HEDDLE_MUST_FAIL
using layer = heddle::self_attention<770, 12>;
#else
using layer = heddle::self_attention<768, 12>;
#endif
static_assert(sizeof(layer) > 0);
