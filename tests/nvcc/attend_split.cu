// Few queries and many keys on the device: 16 rows of a head of keys, in registers while its parts stream past.
// BUDGET all spills=0
// BUDGET all registers<=168 kernel=attend_split_kernel
// BUDGET all registers<=64 kernel=attend_split_merge
// SASS all HMMA=32 LDSM=24 LDGSTS>=4 STL=0 LDL=0 kernel=attend_split_kernel
#include <heddle/cuda/attend_split.cuh>

using namespace heddle;

using decode = attention<grouped<8, cross_source>, logsumexp>;
using arguments = attend_arguments<decode, 128, bfloat16, bfloat16, ring_heads<bfloat16, 128>>;
static_assert(detail::attend_split_way<arguments>::supports);
static_assert(detail::split_layout<bfloat16, bfloat16, 128>::bytes <= 76 * 1024, "three blocks of Hopper, two of Ampere");

/// What attend would launch.
void enqueue(const detail::attend_parameters<arguments>& a, const arena& memory) {
  detail::attend_split_way<arguments>::run({}, a, memory);
}
