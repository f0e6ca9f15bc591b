/// @file
/// The device backend: brings the kernels of `heddle::cuda`. Compiled by nvcc (C++20, `--expt-relaxed-constexpr`) they run on
/// a device; compiled by a host compiler they run emulated, slowly, with every access checked.
#pragma once

#include <heddle/cuda/runtime/runtime.hpp>

#include "tags.hpp"
