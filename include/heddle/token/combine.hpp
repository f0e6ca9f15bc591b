/// @file
/// What becomes of tokens that are merged: the `Combine` of `heddle::merging`.
#pragma once

namespace heddle::inline v0 {

/// `sum x_i`
struct token_sum {
  static constexpr float weight(float /*size*/, float /*total*/, float /*count*/) noexcept { return 1.0F; }
};

/// `sum x_i / n` over the n tokens that meet, whatever they stand for.
struct token_mean {
  static constexpr float weight(float /*size*/, float /*total*/, float count) noexcept { return 1.0F / count; }
};

/// `sum s_i x_i / sum s_i`: the mean over the tokens that went into the first layer. Means of means are wrong from the second
/// layer on; this is right in all of them (ToMe, section 3).
struct size_weighted_mean {
  static constexpr float weight(float size, float total, float /*count*/) noexcept { return size / total; }
};

/// `max x_i`, channel by channel.
struct token_maximum {
  static constexpr bool takes_maximum = true;
};

}  // namespace heddle::inline v0
