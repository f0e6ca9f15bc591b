// Every built-in policy by its own name, in compositions that hold several: none is left out of the crossed test because its
// type is hidden behind a choice.
#pragma once

#include <heddle/backend/reference.hpp>
#include <heddle/simd/attend.hpp>

#include <vector>

#include "attention/attend_case.hpp"
#include "attention/crossed/choices.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

namespace heddle::test::crossed {

inline constexpr std::size_t named_heads = 3;
inline constexpr token_grid named_grid{2, 4, 9};

/// Numbers that policies of the cases read.
inline const std::vector<float>& numbers() {
  static const std::vector<float> values = normal_vector(80 * 80 * 3, 5);
  return values;
}

/// One composition on both backends, with its logsumexp where it has one.
template <std::size_t D = dyn, class... Ps>
void both(const Ps&... ps) {
  constexpr std::size_t dim = D == dyn ? 10 : D;
  const attention c{ps...};
  attend_case a(2, named_heads, dim, named_grid, 11);
  attend_case b = a;
  a.run<reference, D>(c);
  b.run<simd, D>(c);
  const worst_element w = worst(a.out, b.out);
  INFO(w.text());
  REQUIRE(w.relative() < 1e-5);
  REQUIRE(worst(a.lse, b.lse).relative() < 1e-5);
}

}  // namespace heddle::test::crossed
