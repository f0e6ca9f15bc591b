// EXPECT: a score modifier needs
#include <heddle/attention/attention.hpp>

struct slope {
  using policy_category = heddle::score_mod_tag;
#ifdef HEDDLE_MUST_FAIL
  template <class T>
  T operator()(T score, T q, T k) const {  // the head is missing
    return score - (q - k);
  }
#else
  template <class T>
  T operator()(T score, std::size_t, T q, T k) const {
    return score - (q - k);
  }
#endif
};
const heddle::attention<slope> a;
