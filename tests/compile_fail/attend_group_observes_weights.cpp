// EXPECT: observers of weights belong to attend
#include <heddle/reference/attend.hpp>

#ifdef HEDDLE_MUST_FAIL
using composition = heddle::attention<heddle::window<4>, heddle::key_importance>;
#else
using composition = heddle::attention<heddle::window<4>, heddle::logsumexp>;
#endif
void run(heddle::context<heddle::reference> ctx, const heddle::attention_plan<composition>& plan,
         const heddle::head_view<const float>& x, const heddle::head_view<float>& out) {
  heddle::attend_group(ctx, plan, 0, 0, x, x, x, out);
}
