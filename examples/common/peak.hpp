#pragma once

#include <cstddef>

namespace examples {

/// Floating-point operations per second that `threads` threads of this machine reach together on float32 multiply-adds that
/// need no memory (a multiply-add is two), with the widest vectors the processor has (AVX-512, AVX2 with FMA; elsewhere what
/// the compiler makes of a plain loop). Measured on the spot in about a fifth of a second: the best of three rounds.
double measured_peak(std::size_t threads);

/// Largest amount of memory that this process has held so far, in bytes.
std::size_t peak_memory();

}  // namespace examples
