// The unit with the kernel.
#include "split.hpp"

#include <heddle/backend/simd.hpp>

HEDDLE_INSTANTIATE_ATTENTION(heddle::simd, float, 32, local_attention);
