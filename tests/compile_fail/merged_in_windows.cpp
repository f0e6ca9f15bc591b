// EXPECT: its attention must be over whole sequences
#include <heddle/token/merged.hpp>

#ifdef HEDDLE_MUST_FAIL
using attention_type = heddle::self_attention<24, 3, heddle::window<4>>;
#else
using attention_type = heddle::self_attention<24, 3>;
#endif
using vit_block = heddle::encoder_block<heddle::layer_norm<24>, attention_type, heddle::mlp<24, 48>>;
static_assert(heddle::merged<vit_block, heddle::token_merging<2>>::channels == 24);
