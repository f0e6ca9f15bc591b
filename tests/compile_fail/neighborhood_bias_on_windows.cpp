// EXPECT: neighborhood_bias: needs the partition neighborhood
#include <heddle/attention/attention.hpp>

#ifdef HEDDLE_MUST_FAIL
using partition = heddle::window<7>;
#else
using partition = heddle::neighborhood<7>;
#endif
float score(const heddle::neighborhood_bias& bias, const heddle::group_context<partition::map_type>& context) {
  return bias(context, 1.0F, 2.0F, 3.0F);
}
