// EXPECT: a normalizer policy needs `kind`
#include <heddle/attention/attention.hpp>

struct squared {
  using policy_category = heddle::normalizer_tag;
  static constexpr auto kind = heddle::normalizer_kind::elementwise;
#ifndef HEDDLE_MUST_FAIL
  template <class T>
  T weight(T score) const {
    return score * score;
  }
#endif
};
const heddle::attention<squared> a;
