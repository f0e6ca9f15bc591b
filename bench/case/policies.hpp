// The policies that a case may name: the library's own names, with what stands between their angle brackets.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace heddle::bench {

/// Which slot of a composition a policy fills. Of `modifier` there may be several.
enum class slot { partition, mask, score, modifier, normalizer, position };

std::string_view slot_name(slot s);

/// A policy of a case. Arguments are whole numbers or words; a word stands for `scope::word` in the source.
struct policy_entry {
  std::string_view name;
  slot category;
  std::string_view shown;  ///< how it is written: `window<N>`
  std::size_t least_arguments;
  std::size_t most_arguments;
  std::string_view words;   ///< those allowed, separated by blanks
  std::string_view scope;   ///< where they are declared, with `::`
  std::string_view type;    ///< in the source; `@` is replaced by `<arguments>`
  std::string_view values;  ///< of its members: what stands between the braces
};

std::span<const policy_entry> known_policies();

}  // namespace heddle::bench
