#include "policies.hpp"

namespace heddle::bench {

namespace {

// `table`, `scales` and `heads` are variables of the generated source (case_source.cpp).
constexpr policy_entry policies[] = {
    {"global", slot::partition, "global", 0, 0, "", "", "global", ""},
    {"window", slot::partition, "window<N>", 1, 3, "", "", "window@", ""},
    {"shifted_window", slot::partition, "shifted_window<N>", 1, 3, "", "", "shifted_window@", ""},
    {"block", slot::partition, "block<N>", 1, 2, "", "", "block@", ""},
    {"grid", slot::partition, "grid<N>", 1, 2, "", "", "grid@", ""},
    {"adaptive_block", slot::partition, "adaptive_block", 0, 0, "", "", "adaptive_block", ""},
    {"adaptive_grid", slot::partition, "adaptive_grid", 0, 0, "", "", "adaptive_grid", ""},
    {"axial", slot::partition, "axial<width|height|frames>", 1, 1, "frames height width", "axis::", "axial@", ""},
    {"spatial", slot::partition, "spatial", 0, 0, "", "", "spatial", ""},
    {"temporal", slot::partition, "temporal", 0, 0, "", "", "temporal", ""},
    {"dilated", slot::partition, "dilated<N>", 1, 2, "", "", "dilated@", ""},
    {"neighborhood", slot::partition, "neighborhood<N>", 1, 3, "", "", "neighborhood@", ""},
    {"full", slot::mask, "full", 0, 0, "", "", "full", ""},
    {"causal", slot::mask, "causal", 0, 1, "top_left bottom_right", "alignment::", "causal@", ""},
    {"sliding", slot::mask, "sliding<W>", 1, 2, "past both_sides", "band_side::", "sliding@", ""},
    {"prefix", slot::mask, "prefix<N>", 1, 1, "", "", "prefix@", ""},
    {"mixed", slot::mask, "mixed<TEMPLATE,SEARCH>", 2, 2, "", "", "mixed<segments@, sees<0>, sees<0, 1>>", ""},
    {"same_region", slot::mask, "same_region", 0, 0, "", "", "same_region", ""},
    {"scaled_dot", slot::score, "scaled_dot", 0, 0, "", "", "scaled_dot", ""},
    {"cosine", slot::score, "cosine", 0, 0, "", "", "cosine", "scales.data(), heads"},
    {"bias", slot::modifier, "bias", 0, 0, "", "", "relative_position_bias<>", "table.data(), heads"},
    {"alibi", slot::modifier, "alibi", 0, 0, "", "", "alibi<heads>", ""},
    {"soft_cap", slot::modifier, "soft_cap", 0, 0, "", "", "soft_cap", ""},
    {"softmax", slot::normalizer, "softmax", 0, 0, "", "", "softmax", ""},
    {"softmax_one", slot::normalizer, "softmax_one", 0, 0, "", "", "softmax_one", ""},
    {"sigmoid_weights", slot::normalizer, "sigmoid_weights", 0, 0, "", "", "sigmoid_weights", ""},
    {"top_k", slot::normalizer, "top_k<K>", 1, 1, "", "", "top_k@", ""},
    {"linear_scores", slot::normalizer, "linear_scores", 0, 0, "", "", "linear_scores", ""},
    {"rotary", slot::position, "rotary", 0, 1, "interleaved halves", "rotary_pairs::", "rotary@", ""},
};

}  // namespace

std::string_view slot_name(slot s) {
  switch (s) {
    case slot::partition:
      return "partition";
    case slot::mask:
      return "mask";
    case slot::score:
      return "score";
    case slot::modifier:
      return "score modifier";
    case slot::normalizer:
      return "normalizer";
    case slot::position:
      return "position";
  }
  return "";
}

std::span<const policy_entry> known_policies() { return policies; }

}  // namespace heddle::bench
