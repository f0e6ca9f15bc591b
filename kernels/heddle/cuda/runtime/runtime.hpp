/// @file
/// The host's side of the device backend: memory, copies, streams, graphs, weights, errors.
#pragma once

#include "emulated_memory.hpp"
#include "error.hpp"
#include "graph.hpp"
#include "memory.hpp"
#include "pointers.hpp"
#include "tensor.hpp"
#include "weights.hpp"
