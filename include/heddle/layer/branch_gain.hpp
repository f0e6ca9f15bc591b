/// @file
/// One factor for a whole branch of a block, changed between runs.
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace heddle::inline v0 {

/// The `Scale` of an `encoder_block` that multiplies both branches' results by a number of the program, not of the weights:
/// `x += g Attention(Norm(x))`, `x += g Mlp(Norm(x))`. Progressive pruning takes a block out by bringing g to 0 (Cui et al.,
/// MixFormerV2, arXiv 2305.15896, section 3.3).
///
/// The gain is folded into the last product of the branch: after `set`, prepare the block again.
/// @code
/// set_branch_gain(net.blocks.children[3], pruning_gain(epoch));
/// heddle::prepare<heddle::simd>(net.blocks.children[3]);
/// @endcode
template <std::size_t C>
class branch_gain {
  class values {
    std::array<float, C> values_;

   public:
    values() noexcept { values_.fill(1.0F); }
    void fill(float gain) noexcept { values_.fill(gain); }
    std::span<const float> span() const noexcept { return values_; }
  };

 public:
  values gamma;  ///< where a layer scale has its trained factors

  void set(float gain) noexcept { gamma.fill(gain); }
  float get() const noexcept { return gamma.span().front(); }
};

/// Sets the gain of both branches of a block. It takes effect when the block is prepared.
template <class Block>
void set_branch_gain(Block& block, float gain) noexcept {
  block.ls1.set(gain);
  block.ls2.set(gain);
}

}  // namespace heddle::inline v0
