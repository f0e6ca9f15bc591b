/// @file
/// The reference backend: plain loops with double accumulation, the definition of every primitive.
#pragma once

#include <heddle/reference/attend.hpp>
#include <heddle/reference/bipartite.hpp>
#include <heddle/reference/convolve.hpp>
#include <heddle/reference/gather.hpp>
#include <heddle/reference/gemm.hpp>
#include <heddle/reference/gemm_bf16.hpp>
#include <heddle/reference/inverse_cdf.hpp>
#include <heddle/reference/map.hpp>
#include <heddle/reference/merge.hpp>
#include <heddle/reference/normalize.hpp>
#include <heddle/reference/pad.hpp>
#include <heddle/reference/pixel_shuffle.hpp>
#include <heddle/reference/resample.hpp>
#include <heddle/reference/resize_u8.hpp>
#include <heddle/reference/top_k.hpp>

#include "tags.hpp"
