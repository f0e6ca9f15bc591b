/// @file
/// The device backend: brings the kernels of `heddle::cuda`. Compiled by nvcc (C++20, `--expt-relaxed-constexpr`) they run on
/// a device; compiled by a host compiler they run emulated, slowly, with every access checked.
#pragma once

#include <heddle/cuda/attend.cuh>
#include <heddle/cuda/bipartite.cuh>
#include <heddle/cuda/convolve.cuh>
#include <heddle/cuda/depthwise.cuh>
#include <heddle/cuda/each.cuh>
#include <heddle/cuda/expected_positions.cuh>
#include <heddle/cuda/gather.cuh>
#include <heddle/cuda/gemm.cuh>
#include <heddle/cuda/gemm_bf16.cuh>
#include <heddle/cuda/inverse_cdf.cuh>
#include <heddle/cuda/map.cuh>
#include <heddle/cuda/merge.cuh>
#include <heddle/cuda/normalize.cuh>
#include <heddle/cuda/pad.cuh>
#include <heddle/cuda/pixel_shuffle.cuh>
#include <heddle/cuda/pixels.cuh>
#include <heddle/cuda/resample.cuh>
#include <heddle/cuda/resize_u8.cuh>
#include <heddle/cuda/runtime/runtime.hpp>
#include <heddle/cuda/top_k.cuh>

#include "tags.hpp"
