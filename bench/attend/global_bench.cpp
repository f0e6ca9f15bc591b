// Every token sees every token: ViT-B, EVAD's kept tokens, MixFormerV2, and a decoding step over stored keys.
#include "bench/support/attention_subject.hpp"

namespace {

using namespace heddle;
using bench::add_attention;

[[maybe_unused]] const bool registered = [] {
  const attention<> self;
  const attention<cross_source> cross;
  add_attention<64>("global", "a1", "ViT-B, 196 tokens", self, {.heads = 12, .grid = sequence_grid(196)});
  add_attention<64>("global", "d1", "MixFormerV2, 298 tokens", self, {.heads = 12, .grid = sequence_grid(298)});
  add_attention<64>("global", "e2", "EVAD, 700 kept tokens", self, {.heads = 12, .grid = sequence_grid(700)});
  add_attention<64>("global", "a2", "1024 tokens", self, {.heads = 12, .grid = sequence_grid(1024)});
  add_attention<64>("global", "e1", "EVAD, 1568 tokens", self, {.heads = 12, .grid = sequence_grid(1568)});
  add_attention<64>("global", "a3", "4096 tokens", self, {.heads = 8, .grid = sequence_grid(4096)});
  add_attention<64>("cross", "d4", "MixFormerV2-S frame, 200 queries, 298 keys", cross,
                    {.heads = 12, .grid = sequence_grid(200), .keys = 298});
  add_attention<64>("cross", "d5", "MixFormerV2-B frame, 328 queries, 456 keys", cross,
                    {.heads = 12, .grid = sequence_grid(328), .keys = 456});
  add_attention<128>("decode", "g", "decoding step, 2048 stored keys", cross,
                     {.heads = 32, .grid = sequence_grid(1), .keys = 2048});
  return true;
}();

}  // namespace
