/// @file
/// Attention between two kinds of tokens, split into its four sub-processes.
#pragma once

#include <cstddef>
#include <string>
#include <type_traits>

#include "../mask/ask.hpp"
#include "../mask/full.hpp"
#include "kind.hpp"
#include "share.hpp"

namespace heddle::inline v0 {

/// Positions `first` to `first + count - 1` of a group.
struct position_range {
  std::size_t first = 0;
  std::size_t count = 0;
};

/// Decoupled attention (DPL, Xu et al. 2023, section on decoupled prompting): a sequence holds instance tokens I and prompt
/// tokens P. A query of either kind has its own share `lambda` of prompts,
/// `out = (1 - lambda) A_I + lambda A_P`, with `A_T = softmax_{j in T}(s_j) V_T` normalised inside T alone.
///
/// | parameter | of | default |
/// |---|---|---|
/// | `Instances` | the share (`share::exact, odds, constant, head_gate, drop_prompts, drop_instances`) of instance queries |
/// `exact` | | `Prompts` | that of prompt queries | `exact` | | `II, IP, PI, PP` | the mask of a sub-process, named query <-
/// keys | `full` |
///
/// The masks are asked with positions of the group and hold besides the mask slot. `prompts` may lie anywhere;
/// `prompt_queries` differs from it where queries and keys are different tokens (source `cross_source`). A part that is
/// empty or wholly masked has A = 0 and log-sum-exp -inf: exact and odds then give share 0 or 1, never NaN; both empty
/// gives zeros. Where no share needs parts (exact, dropped) it runs as one softmax.
template <class Instances = share::exact, class Prompts = share::exact, class II = full, class IP = full, class PI = full,
          class PP = full>
struct decoupled {
  using policy_category = normalizer_tag;
  static constexpr normalizer_kind kind = normalizer_kind::exponential;
  static_assert(policy_of<II, mask_tag> && policy_of<IP, mask_tag> && policy_of<PI, mask_tag> && policy_of<PP, mask_tag>,
                "heddle::decoupled: the last four arguments are mask policies");

 private:
  template <class S>
  static constexpr bool joint = std::is_same_v<S, share::exact> || !S::reads_instances || !S::reads_prompts;

 public:
  /// Keys that are normalised apart: instances are part 0, prompts part 1.
  static constexpr std::size_t parts = joint<Instances> && joint<Prompts> ? 1 : 2;

  position_range prompts{};
  Instances instance_share{};
  Prompts prompt_share{};
  position_range prompt_queries = prompts;
  II instances_from_instances{};
  IP instances_from_prompts{};
  PI prompts_from_instances{};
  PP prompts_from_prompts{};

  /// @throws shape_error, weight_error of the shares and masks, and for prompts behind the last position
  constexpr void check(const attend_call& call) const {
    require_inside("keys", prompts, call.keys);
    require_inside("queries", prompt_queries, call.queries);
    detail::check_policy(instance_share, call);
    detail::check_policy(prompt_share, call);
    detail::check_policy(instances_from_instances, call);
    detail::check_policy(instances_from_prompts, call);
    detail::check_policy(prompts_from_instances, call);
    detail::check_policy(prompts_from_prompts, call);
  }

  /// The share of prompts in the output of query `q`.
  template <class Context>
  HEDDLE_HOST_DEVICE float share(const Context& c, std::size_t q, float lse_instances, float lse_prompts) const noexcept {
    const bool prompt = q - prompt_queries.first < prompt_queries.count;
    return prompt ? prompt_share(c.head, lse_instances, lse_prompts) : instance_share(c.head, lse_instances, lse_prompts);
  }

  template <class Context>
  HEDDLE_HOST_DEVICE constexpr tile classify_part(const Context&, std::size_t part, std::size_t k0,
                                                  std::size_t k1) const noexcept {
    if (!meets(prompts, k0, k1)) return part == 0 ? tile::full : tile::skip;
    if (!leaves(prompts, k0, k1)) return part == 1 ? tile::full : tile::skip;
    return tile::partial;
  }
  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr typename batch_traits<T>::mask in_part(const Context&, T k, std::size_t part) const noexcept {
    return part == 1 ? inside(prompts, k) : outside(prompts, k);
  }

  /// What the sub-processes that meet in a rectangle say about it.
  template <class Context>
  HEDDLE_HOST_DEVICE constexpr tile classify(const Context& c, std::size_t q0, std::size_t q1, std::size_t k0,
                                             std::size_t k1) const {
    tile result = tile::full;
    bool any = false;
    const auto meet = [&](bool queries, bool keys, bool read, const auto& mask) {
      if (!queries || !keys) return;
      const tile t = read ? detail::classify(mask, c, q0, q1, k0, k1) : tile::skip;
      result = !any || t == result ? t : tile::partial;
      any = true;
    };
    const bool instance_rows = leaves(prompt_queries, q0, q1);
    const bool prompt_rows = meets(prompt_queries, q0, q1);
    const bool instance_keys = leaves(prompts, k0, k1);
    const bool prompt_keys = meets(prompts, k0, k1);
    meet(instance_rows, instance_keys, Instances::reads_instances, instances_from_instances);
    meet(instance_rows, prompt_keys, Instances::reads_prompts, instances_from_prompts);
    meet(prompt_rows, instance_keys, Prompts::reads_instances, prompts_from_instances);
    meet(prompt_rows, prompt_keys, Prompts::reads_prompts, prompts_from_prompts);
    return result;
  }

  /// Whether query `q` sees key `k`, lane by lane.
  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr typename batch_traits<T>::mask visible(const Context& c, T q, T k) const {
    using mask_type = typename batch_traits<T>::mask;
    const mask_type prompt_row = inside(prompt_queries, q);
    const mask_type instance_row = outside(prompt_queries, q);
    const mask_type prompt_key = inside(prompts, k);
    const mask_type instance_key = outside(prompts, k);
    mask_type m = static_cast<mask_type>(q != q);
    const auto add = [&](mask_type row, mask_type key, const auto& mask) {
      m = static_cast<mask_type>(m || (row && key && detail::visible<T>(mask, c, q, k)));
    };
    if constexpr (Instances::reads_instances) add(instance_row, instance_key, instances_from_instances);
    if constexpr (Instances::reads_prompts) add(instance_row, prompt_key, instances_from_prompts);
    if constexpr (Prompts::reads_instances) add(prompt_row, instance_key, prompts_from_instances);
    if constexpr (Prompts::reads_prompts) add(prompt_row, prompt_key, prompts_from_prompts);
    return m;
  }

 private:
  static constexpr void require_inside(const char* what, const position_range& r, std::size_t positions) {
    if (r.first > positions || r.count > positions - r.first) {
      detail::raise<shape_error>(std::string("decoupled: prompts: expected positions below ") + std::to_string(positions) +
                                 " " + what + ", got " + std::to_string(r.first) + " to " + std::to_string(r.first + r.count));
    }
  }
  /// Whether `[a, b)` holds positions of the range; whether it holds others.
  HEDDLE_HOST_DEVICE static constexpr bool meets(const position_range& r, std::size_t a, std::size_t b) noexcept {
    return r.count > 0 && a < r.first + r.count && r.first < b;
  }
  HEDDLE_HOST_DEVICE static constexpr bool leaves(const position_range& r, std::size_t a, std::size_t b) noexcept {
    return a < r.first || b > r.first + r.count;
  }
  template <class T>
  HEDDLE_HOST_DEVICE static constexpr typename batch_traits<T>::mask inside(const position_range& r, T i) noexcept {
    using mask_type = typename batch_traits<T>::mask;
    return static_cast<mask_type>((i >= detail::batch_value<T>(r.first)) && (i < detail::batch_value<T>(r.first + r.count)));
  }
  template <class T>
  HEDDLE_HOST_DEVICE static constexpr typename batch_traits<T>::mask outside(const position_range& r, T i) noexcept {
    using mask_type = typename batch_traits<T>::mask;
    return static_cast<mask_type>((i < detail::batch_value<T>(r.first)) || (i >= detail::batch_value<T>(r.first + r.count)));
  }
};

}  // namespace heddle::inline v0
