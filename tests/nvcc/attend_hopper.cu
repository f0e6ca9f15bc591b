// The warp-specialised attention of sm_90a: what the warpgroups' registers hold, and the instructions of one tile.
// ARCH sm_90a
// BUDGET all spills=0 stack=0
// BUDGET all registers<=232
// SASS all HGMMA=32 kernel=logsumexp
// SASS all HGMMA=24 kernel=sliding
// SASS all HGMMA=32 kernel=causal
// SASS all STL=0 LDL=0 USETMAXREG=2 UTMALDG>=3
#include <heddle/cuda/attend_hopper.cuh>

using namespace heddle;

template <class Composition, std::size_t D>
using parameters = detail::attend_parameters<attend_arguments<Composition, D, bfloat16, bfloat16>>;

/// What attend would launch.
template <class Composition, std::size_t D>
void enqueue(const parameters<Composition, D>& a) {
  using way = detail::attend_hopper_way<arch::sm_90a, attend_arguments<Composition, D, bfloat16, bfloat16>>;
  static_assert(way::supports);
  way::run({}, a);
}

template void enqueue<attention<logsumexp>, 128>(const parameters<attention<logsumexp>, 128>&);
template void enqueue<attention<sliding<1024>>, 64>(const parameters<attention<sliding<1024>>, 64>&);
template void enqueue<attention<causal<>>, 128>(const parameters<attention<causal<>>, 128>&);
