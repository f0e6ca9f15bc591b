/// @file
/// Resampling of maps in token order `[batch, height, width, channels]`: `resize`, `grid_sample`, `roi_align`,
/// `precise_roi_pool`, and `resize_u8` for images of bytes.
///
/// Every separable operation is one kernel on two axes that say, for each output, which run of inputs it reads with which
/// weights (`tap_run`); a new rule is a struct with `max_taps` and `taps`, like those of `heddle::resize_rule`.
#pragma once

#include "resample/grid_sample.hpp"
#include "resample/resize.hpp"
#include "resample/resize_u8.hpp"
#include "resample/roi.hpp"
