/// @file
/// Where the results of observers are written.
#pragma once

#include "../head_view.hpp"

namespace heddle::inline v0 {

/// The views that observers write. Those of observers that a composition does not have stay empty. P of a masked pair
/// is 0; of a row that sees nothing all P are 0.
struct attend_outputs {
  head_rows<float> logsumexp{};          ///< `[batch, heads, tokens of the queries]`
  head_rows<float> importance{};         ///< `[batch, heads, tokens of the keys]`: added to what is there
  head_rows<const float> row_weights{};  ///< `[batch, heads, tokens of the queries]`, may stay empty: 1 / present queries
  head_rows<float> class_row{};          ///< `[batch, heads, tokens of the keys]`
  head_view<float> probabilities{};      ///< `[batch, heads * groups, queries, keys]`, row `head * groups + group`

  // Inlined, so that units compiled for different processors never share them.
  HEDDLE_ALWAYS_INLINE constexpr attend_outputs() noexcept {}
  HEDDLE_ALWAYS_INLINE constexpr attend_outputs(const head_rows<float>& lse) noexcept
      : logsumexp(lse) {}  // NOLINT: the usual single output
};

}  // namespace heddle::inline v0
