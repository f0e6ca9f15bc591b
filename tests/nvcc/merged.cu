// A block that merges tokens compiles: it is derived from a block without layer scales and has members of its own. When both
// branches had a scale of one empty type, nvcc's code generator ran out of memory over such a class.
// ARCH sm_80
// BUDGET all spills=0
#include <heddle/cuda/each.cuh>
#include <heddle/token/merged.hpp>

using namespace heddle;

using plain = encoder_block<layer_norm<64>, self_attention<64, 2>, mlp<64, 128>>;
using merging_block = merged<plain, token_merging<dyn, protected_tokens::class_token>>;

std::size_t compiles(const merging_block& block, context<cuda<>> ctx, token_state& state, float* logarithms) {
  each(ctx, state.batch * state.tokens, heddle::detail::take_logarithm{state.sizes, logarithms});
  return block.remaining(state.tokens);
}
