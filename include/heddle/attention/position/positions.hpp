/// @file
/// Several position policies in one.
#pragma once

#include <cstddef>
#include <utility>

#include "../category.hpp"
#include "../context.hpp"
#include "role.hpp"

namespace heddle::inline v0 {

namespace detail {

template <std::size_t I, class P>
struct position_entry {
  [[no_unique_address]] P policy;
  constexpr position_entry() : policy() {}
  HEDDLE_HOST_DEVICE constexpr explicit position_entry(const P& p) : policy(p) {}
};

/// Policies side by side, in order.
template <class Indices, class... Ps>
struct position_list;
template <std::size_t... I, class... Ps>
struct position_list<std::index_sequence<I...>, Ps...> : position_entry<I, Ps>... {
  constexpr position_list() = default;
  constexpr explicit position_list(const Ps&... ps)
    requires(sizeof...(Ps) > 0)
      : position_entry<I, Ps>(ps)... {}

  template <class F>
  HEDDLE_HOST_DEVICE constexpr void each(F&& f) const {
    (f(static_cast<const position_entry<I, Ps>&>(*this).policy), ...);
  }
};

template <std::size_t I, class P>
constexpr P& position_at(position_entry<I, P>& e) noexcept {
  return e.policy;
}

}  // namespace detail

/// One after the other: `positions{qk_norm<row_norm::rms>{...}, rotary<>{}}`.
template <class... Ps>
class positions {
  static_assert((policy_of<Ps, position_tag> && ...), "heddle::positions: every argument must be a position policy");
  static_assert((detail::changes_rows<Ps> && ...), "heddle::positions: every argument must change rows");
  [[no_unique_address]] detail::position_list<std::index_sequence_for<Ps...>, Ps...> policies_{};

 public:
  using policy_category = position_tag;
  constexpr positions() = default;
  constexpr explicit positions(const Ps&... ps)
    requires(sizeof...(Ps) > 0)
      : policies_(ps...) {}

  HEDDLE_HOST_DEVICE void operator()(float* row, std::size_t head_dim, std::size_t head, std::size_t token,
                                     row_role role) const {
    policies_.each([&]<class P>(const P& p) {
      if constexpr (detail::position_with_role<P>) {
        p(row, head_dim, head, token, role);
      } else {
        p(row, head_dim, head, token);
      }
    });
  }
  constexpr void check(const attend_call& call) const {
    policies_.each([&](const auto& p) { detail::check_policy(p, call); });
  }
  /// The n-th policy, for setting its run-time values.
  template <std::size_t N>
  constexpr auto& get() noexcept {
    return detail::position_at<N>(policies_);
  }
};

}  // namespace heddle::inline v0
