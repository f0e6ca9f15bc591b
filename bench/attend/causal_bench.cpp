// Language models' mask: nobody sees what comes later.
#include "bench/support/attention_subject.hpp"

namespace {

using namespace heddle;
using bench::add_attention;

[[maybe_unused]] const bool registered = [] {
  const attention<causal<>> language;
  add_attention<64>("causal", "a2c", "causal, 1024 tokens", language, {.heads = 12, .grid = sequence_grid(1024)});
  add_attention<64>("causal", "a3c", "causal, 4096 tokens", language, {.heads = 8, .grid = sequence_grid(4096)});
  return true;
}();

}  // namespace
