// Sample 1 in two units: the composition, and the promise that another unit compiles its kernel.
#pragma once

#include <heddle/primitive/attend_instantiation.hpp>

using local_attention = heddle::attention<heddle::window<7>, heddle::relative_position_bias<7>>;
HEDDLE_EXTERN_ATTENTION(heddle::simd, float, 32, local_attention);
