/// @file
/// Every head: a body that reads features, and what decodes its output.
#pragma once

#include "box_delta.hpp"
#include "center.hpp"
#include "corner.hpp"
#include "dynamic_interaction.hpp"
#include "edge_distribution.hpp"
#include "pyramid_corner.hpp"
#include "query_decoder.hpp"
#include "roi_pyramid.hpp"
#include "score_head.hpp"
#include "token_score.hpp"
#include "tower.hpp"
