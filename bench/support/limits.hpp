// What this machine can do at most, measured in the run whose figures are set against it.
#pragma once

#include <string>

namespace heddle::bench {

/// Of one thread. Zero: the compiler does not target it.
struct machine_limits {
  double f32 = 0;          ///< GFLOP/s of multiply-adds in f32
  double bf16_dot = 0;     ///< GFLOP/s of the vector instruction for pairs of bfloat16
  double bf16_amx = 0;     ///< GFLOP/s of the matrix unit, operands in its registers
  double read_l1 = 0;      ///< GB/s of reads from 16 KiB
  double read_l2 = 0;      ///< GB/s of reads from 256 KiB
  double read_memory = 0;  ///< GB/s of reads from 256 MiB

  /// The peak that products of this storage type are held against: bfloat16 may use whatever computes it fastest; half
  /// is widened to f32.
  double peak(const std::string& dtype) const;
};

/// Measures for about half a second.
machine_limits measure_limits();

/// The better of two measurements, figure by figure: a shared machine can only make them worse.
machine_limits better(const machine_limits& a, const machine_limits& b);

/// Measured when first asked for, once.
const machine_limits& limits();

}  // namespace heddle::bench
