// One transformer block, run by translation units that are compiled for different instruction sets.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace heddle::test {

/// What a translation unit says about the block that it ran.
struct block_report {
  std::string isa;                  ///< name of the instruction set that its kernels are for
  std::vector<std::size_t> layout;  ///< sizes and alignments of public types, which no flag may change
  std::vector<float> output;
};

block_report run_block_baseline();
block_report run_block_wide();

}  // namespace heddle::test
