// Masks that leave tiles out: MixFormer's asymmetric mixed attention in one call, a sliding window, a prefix.
#include "bench/support/attention_subject.hpp"

namespace {

using namespace heddle;
using bench::add_attention;

[[maybe_unused]] const bool registered = [] {
  // The template's 128 tokens see themselves, the search region's 324 see everything.
  const attention<mixed<segments<128, 324>, sees<0>, sees<0, 1>>> tracker;
  add_attention<64>("mixed", "d2", "MixFormer, 128 template and 324 search tokens", tracker,
                    {.heads = 12, .grid = sequence_grid(452)});
  add_attention<64>("sliding256", "h1", "sliding window, 256 of 4096", attention<sliding<256>>{},
                    {.heads = 8, .grid = sequence_grid(4096)});
  add_attention<64>("prefix196", "", "a picture's 196 tokens, then text", attention<prefix<196>>{},
                    {.heads = 12, .grid = sequence_grid(452)});
  return true;
}();

}  // namespace
