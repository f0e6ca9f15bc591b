/// @file
/// Several position policies in one.
#pragma once

#include <cstddef>
#include <tuple>

#include "../category.hpp"
#include "../context.hpp"
#include "role.hpp"

namespace heddle::inline v0 {

/// One after the other: `positions{qk_norm<row_norm::rms>{...}, rotary<>{}}`.
template <class... Ps>
class positions {
  static_assert((policy_of<Ps, position_tag> && ...), "heddle::positions: every argument must be a position policy");
  static_assert((detail::changes_rows<Ps> && ...), "heddle::positions: every argument must change rows");
  std::tuple<Ps...> policies_;

  template <class P>
  static void apply(const P& p, float* row, std::size_t head_dim, std::size_t head, std::size_t token, row_role role) {
    if constexpr (detail::position_with_role<P>) {
      p(row, head_dim, head, token, role);
    } else {
      p(row, head_dim, head, token);
    }
  }

 public:
  using policy_category = position_tag;
  constexpr positions() = default;
  constexpr explicit positions(const Ps&... ps) requires(sizeof...(Ps) > 0) : policies_(ps...) {}

  void operator()(float* row, std::size_t head_dim, std::size_t head, std::size_t token, row_role role) const {
    std::apply([&](const auto&... p) { (apply(p, row, head_dim, head, token, role), ...); }, policies_);
  }
  constexpr void check(const attend_call& call) const {
    std::apply([&](const auto&... p) { (detail::check_policy(p, call), ...); }, policies_);
  }
  /// The n-th policy.
  template <std::size_t N>
  constexpr auto& get() noexcept {
    return std::get<N>(policies_);
  }
};

}  // namespace heddle::inline v0
