/// @file
/// Every head: a body that reads features, and what decodes its output.
#pragma once

#include "center.hpp"
#include "corner.hpp"
#include "edge_distribution.hpp"
#include "pyramid_corner.hpp"
#include "score_head.hpp"
#include "token_score.hpp"
