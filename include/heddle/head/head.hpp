/// @file
/// Every head: a body that reads features, and what decodes its output.
#pragma once

#include "center.hpp"
#include "edge_distribution.hpp"
#include "token_score.hpp"
