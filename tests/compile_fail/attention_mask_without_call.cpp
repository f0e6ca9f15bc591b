// EXPECT: a mask policy needs
#include <heddle/attention/attention.hpp>

struct every_other {
  using policy_category = heddle::mask_tag;
#ifdef HEDDLE_MUST_FAIL
  bool sees(std::size_t q, std::size_t k) const { return (q + k) % 2 == 0; }
#else
  bool operator()(std::size_t q, std::size_t k) const { return (q + k) % 2 == 0; }
#endif
};
const heddle::attention<every_other> a;
