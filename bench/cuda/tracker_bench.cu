// Trackers and video: MixFormerV2's mixed attention, EVAD's tokens.
#include "device_attention.cuh"

namespace {

using namespace heddle;
using bench::add_device_attention;

[[maybe_unused]] const bool registered = [] {
  // Two templates see themselves, the search region and four prediction tokens see everything.
  const auto small = [] { return attention<mixed<segments<98, 200>, sees<0>, sees<0, 1>>>{}; };
  const auto large = [] { return attention<mixed<segments<128, 328>, sees<0>, sees<0, 1>>>{}; };
  for (const std::size_t batch : {1UL, 32UL}) {
    const std::string key = "-" + std::to_string(batch);
    add_device_attention<bfloat16, 64>("mixed", "mixed298" + key, "MixFormerV2-S, mixed", small,
                                       {.batch = batch, .heads = 12, .grid = sequence_grid(298)});
    add_device_attention<bfloat16, 64>("mixed", "mixed456" + key, "MixFormerV2-B, mixed", large,
                                       {.batch = batch, .heads = 12, .grid = sequence_grid(456)});
  }
  add_device_attention<bfloat16, 64>("global", "evad1568", "EVAD, 1568 tokens", [] { return attention<>{}; },
                                     {.batch = 8, .heads = 12, .grid = sequence_grid(1568)});
  return true;
}();

}  // namespace
