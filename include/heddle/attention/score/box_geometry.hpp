/// @file
/// A bias from the overlap of two boxes.
#pragma once

#include <cstddef>

#include "../../core/error.hpp"
#include "../../core/math.hpp"
#include "../batch.hpp"
#include "../category.hpp"
#include "../context.hpp"

namespace heddle::inline v0 {

/// `score + tau[head] ln(|b_q n b_k| / max(|b_q|, 1e-6) + 1e-7)`: how much of the query's box lies in the key's (the
/// intersection bias of AdaMixer, Gao et al. 2022, and StageInteractor, Teng et al. 2023). Boxes are corners (x1, y1, x2,
/// y2), one for every position of the group; keys from elsewhere have boxes of their own. The same boxes serve all groups.
/// @throws shape_error (from `attend`) for numbers that do not fit, weight_error if `tau` is not set
struct box_geometry {
  using policy_category = score_mod_tag;

  const float* tau = nullptr;  ///< `[heads]`
  std::size_t heads = 0;
  const float* boxes = nullptr;  ///< `[batches, queries, 4]`
  std::size_t queries = 0;
  std::size_t batches = 1;           ///< 1: shared by all batch items
  const float* key_boxes = nullptr;  ///< `[batches, keys, 4]`; null: those of the queries
  std::size_t keys = 0;

  constexpr void check(const attend_call& call) const {
    if (tau == nullptr) detail::raise<weight_error>("box_geometry: tau is not bound");
    if (boxes == nullptr) detail::raise<shape_error>("box_geometry: the boxes are not set");
    require_extent("box_geometry", "heads", call.heads, heads);
    require_extent("box_geometry", "boxes of queries", call.queries, queries);
    require_extent("box_geometry", "boxes of keys", call.keys, key_boxes != nullptr ? keys : queries);
    if (batches != 1 && batches < call.batch) detail::raise_shape("box_geometry", "batch items", call.batch, batches);
  }

  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr T operator()(const Context& c, T score, T q, T k) const {
    using math::log;
    using math::max;
    using math::min;
    const auto number = [](float x) { return batch_traits<T>::broadcast(x); };
    const std::size_t item = batches == 1 ? 0 : c.batch;
    const corners<T> a = at(boxes + item * queries * 4, queries, q);
    const corners<T> b =
        key_boxes == nullptr ? at(boxes + item * queries * 4, queries, k) : at(key_boxes + item * keys * 4, keys, k);
    const T zero = number(0.0F);
    const T width = max(min(a.x2, b.x2) - max(a.x1, b.x1), zero);
    const T height = max(min(a.y2, b.y2) - max(a.y1, b.y1), zero);
    const T area = max((a.x2 - a.x1) * (a.y2 - a.y1), number(1e-6F));
    return score + number(tau[c.head]) * log(width * height / area + number(1e-7F));
  }

 private:
  template <class T>
  struct corners {
    T x1;
    T y1;
    T x2;
    T y2;
  };

  /// The boxes at positions `i`; lanes behind the last read the last.
  template <class T>
  HEDDLE_HOST_DEVICE static constexpr corners<T> at(const float* all, std::size_t count, T i) {
    using traits = batch_traits<T>;
    const auto corner = [&](std::size_t part) {
      return traits::from_lanes([&](std::size_t lane) {
        const auto box = static_cast<std::size_t>(traits::lane(i, lane));
        return all[4 * (box < count ? box : count - 1) + part];
      });
    };
    return {corner(0), corner(1), corner(2), corner(3)};
  }
};

}  // namespace heddle::inline v0
