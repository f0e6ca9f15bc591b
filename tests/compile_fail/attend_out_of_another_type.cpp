// EXPECT: out must have the element type of q, k and v, or float
#include <heddle/reference/attend.hpp>

#ifdef HEDDLE_MUST_FAIL
using output = heddle::head_view<heddle::half>;
#else
using output = heddle::head_view<heddle::bfloat16>;
#endif
void run(const heddle::head_view<const heddle::bfloat16>& x, const output& out, const heddle::workspace& scratch) {
  heddle::attend<heddle::reference>(heddle::attention<>{}, x, x, x, out, heddle::sequence_grid(4), scratch);
}
