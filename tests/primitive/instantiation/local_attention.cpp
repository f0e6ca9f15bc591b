#include "local_attention.hpp"

#include <heddle/backend/simd.hpp>

HEDDLE_INSTANTIATE_ATTENTION(heddle::simd, float, 8, local_attention);
