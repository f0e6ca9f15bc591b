/// @file
/// Every loss: pure functions of outputs and targets.
#pragma once

#include "box.hpp"
#include "distillation.hpp"
#include "masked_l1.hpp"
#include "matching.hpp"
