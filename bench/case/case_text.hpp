// The text of one case: `window<7>,bias,heads=4,dim=32,map=56x56`.
//
//     case    = item {"," item}
//     item    = policy | key "=" value
//     policy  = name ["<" argument {"," argument} ">"]         the library's own names, see policies.cpp
//     key     = heads | dim | tokens | map | keys | kv_heads | batch | layout | dtype | threads
//
// `map` is HEIGHTxWIDTH or FRAMESxHEIGHTxWIDTH. `keys` makes keys and values of another length (cross_source); fewer
// `kv_heads` than `heads` are shared by groups of heads. Blanks mean nothing.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "policies.hpp"

namespace heddle::bench {

/// A policy with its arguments, as the source will name it.
struct used_policy {
  const policy_entry* entry = nullptr;
  std::vector<std::string> arguments;

  std::string type() const;  ///< `window<7>`, `causal<alignment::bottom_right>`
  std::string value() const { return type() + '{' + std::string(entry->values) + '}'; }
};

/// A case that was understood, or the sentence that says why not.
struct parsed_case {
  std::string text;
  std::vector<used_policy> policies;
  std::size_t heads = 0, dim = 0, frames = 1, height = 1, width = 0;
  std::size_t keys = 0;      ///< 0: the tokens of the queries
  std::size_t kv_heads = 0;  ///< 0: as many as heads
  std::size_t batch = 1, threads = 1;
  std::string dtype = "f32";
  bool projection = false;  ///< operands in one fused projection; else three arrays by heads
  std::string problem;      ///< empty: the case is fine

  const used_policy* find(slot s) const;
  bool uses(std::string_view policy) const;
};

parsed_case parse_case(std::string_view text);

/// Everything that a case may say, in a few lines.
std::string known_words();

}  // namespace heddle::bench
