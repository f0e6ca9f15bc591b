/// @file
/// Every token operation and what they are made of.
#pragma once

#include "../primitive/gather.hpp"
#include "../primitive/select/bipartite.hpp"
#include "../primitive/select/inverse_cdf.hpp"
#include "../primitive/select/top_k.hpp"
#include "combine.hpp"
#include "dropout.hpp"
#include "kept.hpp"
#include "masking.hpp"
#include "match.hpp"
#include "merged.hpp"
#include "merging.hpp"
#include "pooling.hpp"
#include "ranking.hpp"
#include "rounds.hpp"
#include "sampling.hpp"
#include "schedule.hpp"
#include "source_map.hpp"
#include "splice.hpp"
#include "state.hpp"
#include "windowed.hpp"
