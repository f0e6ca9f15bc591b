#include "attention/crossed/named.hpp"

using namespace heddle;
using namespace heddle::test::crossed;

TEST_CASE("masks and normalizers over all tokens by name") {
  const float* n = numbers().data();
  const std::vector<float> policy(2 * 72, 0.5F);
  both(mixed<segments<30, 42>, sees<0>, sees<0, 1>>{}, policy_weighted{policy.data(), 2, 72});
  both(spatial{}, continuous_position_bias{5, named_heads, n, n + 20, n + 40}, top_k<3>{});
  const std::int32_t offsets[4] = {0, 20, 20, 65};
  both(packed_lengths{offsets}, cosine{n, named_heads}, rotary<>{}, logsumexp{});
  const std::int32_t length[2] = {0, 70};
  both(open_if_empty<lengths>{lengths{length}}, softmax_sink{n, named_heads}, logsumexp{});
  both(lengths{length}, decoupled<share::odds, share::exact, causal<>>{{60, 12}, {0.5F}}, logsumexp{});
  const share::head_gate gate{n, named_heads};
  both<32>(decoupled<share::head_gate, share::drop_instances>{{3, 5}, gate});
  both(positions{qk_norm<row_norm::layer>{}, rotary<>{}}, causal<alignment::bottom_right>{});
}
