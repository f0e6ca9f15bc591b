// EXPECT: q, k and v must have one element type
#include <heddle/reference/attend.hpp>

#ifdef HEDDLE_MUST_FAIL
using values = heddle::head_view<const heddle::half>;
#else
using values = heddle::head_view<const heddle::bfloat16>;
#endif
void run(const heddle::head_view<const heddle::bfloat16>& q, const values& v, const heddle::head_view<float>& out,
         const heddle::workspace& scratch) {
  heddle::attend<heddle::reference>(heddle::attention<>{}, q, q, v, out, heddle::sequence_grid(4), scratch);
}
