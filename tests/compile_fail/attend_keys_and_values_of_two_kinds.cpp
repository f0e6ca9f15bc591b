// EXPECT: k and v must be views of one kind
#include <heddle/reference/attend.hpp>

#ifdef HEDDLE_MUST_FAIL
using values = heddle::head_view<const float>;
#else
using values = heddle::ring_heads<float>;
#endif
void run(const heddle::head_view<const float>& q, const heddle::ring_heads<float>& k, const values& v,
         const heddle::head_view<float>& out, const heddle::workspace& scratch) {
  heddle::attend<heddle::reference>(heddle::attention<heddle::cross_source>{}, q, k, v, out, heddle::sequence_grid(4), scratch);
}
