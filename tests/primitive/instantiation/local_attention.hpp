// A composition whose kernel only local_attention.cpp compiles.
#pragma once

#include <heddle/primitive/attend_instantiation.hpp>

using local_attention = heddle::attention<heddle::window<4>, heddle::causal<>>;
HEDDLE_EXTERN_ATTENTION(heddle::simd, float, 8, local_attention);
