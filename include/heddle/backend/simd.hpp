/// @file
/// The vector backend: brings the kernels of `heddle::simd`. Needs xsimd (8.1 to 14).
#pragma once

#include <heddle/simd/attend.hpp>
#include <heddle/simd/bipartite.hpp>
#include <heddle/simd/convolve.hpp>
#include <heddle/simd/depthwise.hpp>
#include <heddle/simd/gather.hpp>
#include <heddle/simd/gemm.hpp>
#include <heddle/simd/gemm_bf16.hpp>
#include <heddle/simd/inverse_cdf.hpp>
#include <heddle/simd/map.hpp>
#include <heddle/simd/merge.hpp>
#include <heddle/simd/normalize.hpp>
#include <heddle/simd/pad.hpp>
#include <heddle/simd/pixel_shuffle.hpp>
#include <heddle/simd/resample.hpp>
#include <heddle/simd/resize_u8.hpp>
#include <heddle/simd/top_k.hpp>

#include "tags.hpp"
