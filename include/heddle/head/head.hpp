/// @file
/// Every head: a body that reads features, and what decodes its output.
#pragma once

#include "center.hpp"
