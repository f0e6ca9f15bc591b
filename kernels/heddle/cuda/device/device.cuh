/// @file
/// The whole layer of device code but what only Hopper has.
#pragma once

#include "config.cuh"
#include "copy.cuh"
#include "global.cuh"
#include "math.cuh"
#include "matrix.cuh"
#include "numbers.cuh"
#include "place.cuh"
#include "shared.cuh"
#include "stream.hpp"
#include "sync.cuh"
#include "warp.cuh"
