// EXPECT: a position policy needs
#include <heddle/attention/attention.hpp>

struct shifted {
  using policy_category = heddle::position_tag;
#ifdef HEDDLE_MUST_FAIL
  void operator()(float* row, std::size_t head_dim) const {  // neither head nor token
    for (std::size_t d = 0; d < head_dim; ++d) row[d] += 1.0F;
  }
#else
  void operator()(float* row, std::size_t head_dim, std::size_t, std::size_t, heddle::row_role) const {
    for (std::size_t d = 0; d < head_dim; ++d) row[d] += 1.0F;
  }
#endif
};
const heddle::attention<shifted> a;
