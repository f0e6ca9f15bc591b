// Small problems on the device: budgets of registers for the windows of the papers.
// BUDGET all spills=0
// BUDGET all registers<=128
// SASS all STL=0 LDL=0 LDSM>=10 LDGSTS>=4
// SASS all HMMA=30 kernel=same_region
// SASS all HMMA=32 kernel=cosine
// SASS all HMMA=96 kernel=logsumexp
#include <heddle/cuda/attend_short.cuh>

using namespace heddle;

/// What attend would launch, and nothing else for these windows.
template <class Composition, std::size_t D, class T>
void enqueue(const detail::attend_parameters<attend_arguments<typename Composition::kernel_type, D, T, T>>& a) {
  using way = detail::attend_short_way<arch::sm_80, attend_arguments<typename Composition::kernel_type, D, T, T>>;
  static_assert(way::always);
  way::run({}, a);
}

using swin = attention<shifted_window<7>, same_region, relative_position_bias<7>>;
using swin_v2 = attention<shifted_window<16>, cosine, relative_position_bias<16>, region_penalty>;
using maxsr = attention<block<8>, relative_position_bias<8>, logsumexp>;

template <class Composition, std::size_t D, class T>
using parameters = detail::attend_parameters<attend_arguments<typename Composition::kernel_type, D, T, T>>;

template void enqueue<swin, 32, bfloat16>(const parameters<swin, 32, bfloat16>&);
template void enqueue<swin_v2, 32, bfloat16>(const parameters<swin_v2, 32, bfloat16>&);
template void enqueue<maxsr, 12, float>(const parameters<maxsr, 12, float>&);
