// The extents of a view are heddle::extents.
// EXPECT: heddle::view: the second argument must be heddle::extents
#include <heddle/core/view.hpp>

#ifdef HEDDLE_MUST_FAIL
using pixels = heddle::view<float, float[3]>;
#else
using pixels = heddle::view<float, heddle::extents<3>>;
#endif
static_assert(pixels::rank() == 1);
