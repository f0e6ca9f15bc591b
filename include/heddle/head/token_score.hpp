/// @file
/// One score from a few tokens.
#pragma once

#include <cstddef>
#include <span>

#include "../layer/linear.hpp"
#include "../primitive/each.hpp"

namespace heddle::inline v0 {

/// The confidence of MixFormerV2: the mean over an item's prediction tokens of `W2 relu(W1 t + b1) + b2`, a logit. Children by
/// the official names `layers.0.0` and `layers.1`.
template <std::size_t C>
struct token_score_head {
  linear<C, C> fc1;
  linear<C, 1> fc2;

  static constexpr auto members() {
    return heddle::members<&token_score_head::fc1, &token_score_head::fc2>("layers.0.0", "layers.1");
  }
  static constexpr std::uint64_t row_multiply_adds() noexcept { return std::uint64_t{C} * (C + 1); }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend&, std::size_t rows) noexcept {
    return heddle::scratch_bytes<float>(rows * C) + heddle::scratch_bytes<float>(rows);
  }

  /// Logits of `scores.size()` items from `tokens`, `[items * tokens of one, C]`. @throws shape_error before any work
  template <class Backend>
  void forward(context<Backend> ctx, matrix_view<const float> tokens, std::span<float> scores) const {
    const std::size_t rows = tokens.extent(0);
    const std::size_t each = scores.empty() ? 0 : rows / scores.size();
    require_extent("token_score_head: tokens", "rows, as many for every item,", each * scores.size(), rows);
    const auto hidden = make_matrix(ctx.scratch.template take<float>(rows * C), rows, C);
    const auto logits = make_matrix(ctx.scratch.template take<float>(rows), rows, 1);
    fc1.forward_rows(ctx, tokens, hidden, relu{});
    fc2.forward_rows(ctx, as_const(hidden), logits);
    heddle::each(ctx, scores.size(), item_mean{logits.data_handle(), scores.data(), each});
  }

  /// One mean.
  struct item_mean {
    const float* logits;
    float* scores;
    std::size_t tokens;
    HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
      double sum = 0;
      for (std::size_t t = 0; t < tokens; ++t) sum += static_cast<double>(logits[i * tokens + t]);
      scores[i] = static_cast<float>(sum / static_cast<double>(tokens));
    }
  };
};

}  // namespace heddle::inline v0
