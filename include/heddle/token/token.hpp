/// @file
/// Every token operation and what they are made of.
#pragma once

#include "../primitive/gather.hpp"
#include "../primitive/select/top_k.hpp"
#include "source_map.hpp"
