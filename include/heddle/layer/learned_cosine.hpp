/// @file
/// Cosine attention in windows with trained scales and biases: what `self_attention` takes for Swin V2 and its relatives.
#pragma once

#include <tuple>
#include <utility>
#include <vector>

#include "../attention/score/continuous_position_bias.hpp"
#include "../attention/score/cosine.hpp"
#include "../attention/score/relative_position_bias.hpp"
#include "../core/shared_owner.hpp"
#include "../model/members.hpp"

namespace heddle::inline v0 {

/// Cosines with a trained scale of every head, and a table of relative positions of a window of `H` x `W`. Children:
/// `logit_scale` `[Heads, 1, 1]`, `table` `[(2 H - 1)(2 W - 1), Heads]`.
template <std::size_t H, std::size_t W = H>
struct learned_cosine {
  template <std::size_t Heads>
  struct weights {
    using policy_types = std::tuple<cosine, relative_position_bias<H, W>>;
    parameter<Heads, 1, 1> logit_scale;
    parameter<(2 * H - 1) * (2 * W - 1), Heads> table;
    static constexpr auto members() { return heddle::members<&weights::logit_scale, &weights::table>("logit_scale", "table"); }
    policy_types policies() const noexcept {
      return {cosine{.logit_scale = logit_scale.data(), .heads = Heads},
              relative_position_bias<H, W>{.table = table.data(), .heads = Heads}};
    }
  };
};

/// Cosines with a trained scale of every head, and the bias of continuous positions of a window of `H` x `W` (Liu et al.,
/// arXiv 2111.09883, sections 3.2 and 3.3), asked once, when the weights are prepared. `PretrainedH`, `PretrainedW`: the
/// window of pre-training, 0 where it is the present one. Children: `logit_scale` `[Heads, 1, 1]`, `fc1` (`weight`
/// `[Hidden, 2]`, `bias`), `fc2` (`weight` `[Heads, Hidden]`).
template <std::size_t H, std::size_t W = H, std::size_t PretrainedH = 0, std::size_t PretrainedW = PretrainedH,
          std::size_t Hidden = 512>
struct learned_continuous_cosine {
  template <std::size_t Heads>
  struct weights {
    using policy_types = std::tuple<cosine, relative_position_bias<H, W>>;
    static constexpr std::size_t entries = (2 * H - 1) * (2 * W - 1);
    parameter<Heads, 1, 1> logit_scale;
    parameter<Hidden, 2> weight1;
    parameter<Hidden> bias1;
    parameter<Heads, Hidden> weight2;
    const float* table = nullptr;  ///< `[entries, Heads]`, made by `prepare`
    shared_owner owner{};          ///< keeps `table` alive

    static constexpr auto members() {
      return heddle::members<&weights::logit_scale, &weights::weight1, &weights::bias1, &weights::weight2>(
          "logit_scale", "fc1.weight", "fc1.bias", "fc2.weight");
    }
    template <class Backend>
    HEDDLE_COLD void prepare(const Backend& backend) {
      const continuous_position_bias network{Hidden,         Heads,       weight1.data(), bias1.data(),
                                             weight2.data(), PretrainedH, PretrainedW};
      network.check({H, W}, Heads);
      std::vector<float> made(entries * Heads);
      for (std::size_t i = 0; i < entries; ++i)
        network.offset_biases({H, W}, i / (2 * W - 1), i % (2 * W - 1), made.data() + i * Heads, 1);
      made_weights kept = keep_weights(backend, std::move(made));
      table = kept.data;
      owner = std::move(kept.owner);
    }
    policy_types policies() const noexcept {
      return {cosine{.logit_scale = logit_scale.data(), .heads = Heads},
              relative_position_bias<H, W>{.table = table, .heads = Heads}};
    }
  };
};

}  // namespace heddle::inline v0
