// Attention that streams, and attention row by row: compiled for both targets, without spills.
//
// Of a tile of 64 keys and heads of 64 elements of 16 bits there are 32 products for scores and 32 for values. Floats take 32
// keys at a time, three products for every one: 96 and 96; and 128 more where values are not finite, each with one of codes.
// Stacks of the others hold rows that policies change, and heaps.
//
// The parts of floats that are added apart cost floats a few registers too many for three blocks.
//
// BUDGET all spills=0 kernel=attend_row_kernel
// BUDGET all spills=0 kernel=attend_fill_biases
// BUDGET all spills=0 kernel=log_coordinate_bias
// BUDGET all spills=0 kernel=same_region
// BUDGET all registers<=128 spills=0 stack=0 kernel=plain_bf16
// BUDGET all registers<=168 spills<=96 stack<=24 kernel=plain_f32
// BUDGET all registers<=168 spills=0 stack=0 kernel=masked_bf16
// SASS sm_80 HMMA=64 LDSM=36 LDGSTS>=8 LDL=0 STL=0 kernel=plain_bf16
// SASS sm_80 HMMA=320 LDGSTS>=8 LDL<=8 STL<=8 kernel=plain_f32
#include <heddle/cuda/attend_fill.cuh>
#include <heddle/cuda/attend_rows.cuh>
#include <heddle/cuda/attend_stream.cuh>

using namespace heddle;

template <class Composition, std::size_t D, class T, class Out = T>
using parameters = detail::attend_parameters<attend_arguments<typename Composition::kernel_type, D, T, Out>>;

/// Names for the budgets.
struct plain_bf16 : detail::attend_stream_kernel<parameters<attention<>, 64, bfloat16>, 64> {};
struct plain_f32 : detail::attend_stream_kernel<parameters<attention<>, 64, float>, 64> {};
struct masked_bf16 : detail::attend_stream_kernel<parameters<attention<causal<>, alibi<8>, logsumexp>, 64, bfloat16>, 64> {};
using padded_windows = detail::attend_stream_kernel<
    parameters<attention<window<>, same_region, relative_position_bias<>, cosine>, dyn, half, float>, 64>;
using neighbours = attention<neighborhood<7>, neighborhood_bias, top_k<5>, observe<key_importance, probabilities>>;
using prompts = attention<positions<qk_norm<>, rotary<>>, decoupled<share::odds, share::constant>, logsumexp>;

void launch_all(device::stream s, const plain_bf16& a, const plain_f32& b, const masked_bf16& c, const padded_windows& d,
                const detail::attend_row_kernel<parameters<neighbours, dyn, bfloat16, float>>& e,
                const detail::attend_row_kernel<parameters<prompts, dyn, float>>& f,
                const detail::attend_fill_biases<attention<window<>, log_coordinate_bias>::kernel_type>& g,
                const detail::attend_clear& h) {
  device::launch(s, 1, plain_bf16::shared_bytes, a);
  device::launch(s, 1, plain_f32::shared_bytes, b);
  device::launch(s, 1, masked_bf16::shared_bytes, c);
  device::launch(s, 1, padded_windows::shared_bytes, d);
  device::launch(s, 1, 0, e);
  device::launch(s, 1, 0, f);
  device::launch(s, 1, 0, g);
  device::launch(s, 1, 0, h);
}

// Three blocks of four warps share a multiprocessor of Ampere.
static_assert(plain_bf16::shared_bytes + 1024 <= 164 * 1024 / 3 && plain_f32::shared_bytes + 1024 <= 164 * 1024 / 3);
