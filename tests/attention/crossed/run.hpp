// Runs one row of the crossed test on vectors and on the definition, and compares everything that comes out.
#pragma once

#include <heddle/simd/attend.hpp>

#include "attention/crossed/cases.hpp"

namespace heddle::test::crossed {

template <row R, class Composition>
auto run_simd(const Composition& c, const inputs<R>& x) {
  using in = inputs<R>;
  const workspace memory(plan_bytes(c, grid_of_cases, key_grid_of<R>(), in::heads) +
                         attend_bytes<typename in::type>(simd{}, c, grid_of_cases, key_grid_of<R>(), in::level::dim));
  auto r = empty_results<typename in::level::output, R>(c);
  attend(context<simd>{simd{}, memory.scratch()}, c, in::queries(x.q.data()), in::keys(x.k.data()), in::keys(x.v.data()),
         merged_heads<in::level::fixed>(r.out.data(), batch, in::tokens, in::heads, in::level::dim), grid_of_cases, r.outputs);
  return r;
}

template <row R>
void run_row(std::size_t first_run = 0) {
  using level = element_level<R.elements>;
  each_run<R>(first_run, run_stride, level::bound, level::rounding,
              [](const auto& c, const inputs<R>& x) { return run_simd<R>(c, x); });
}

/// Rows `First` to `First + Count - 1`, as far as there are.
template <std::size_t First, std::size_t Count>
void run_rows() {
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    ((run_row<rows[First + I]>(I % run_stride)), ...);
  }(std::make_index_sequence<(First + Count <= rows.size() ? Count : rows.size() - First)>{});
}

}  // namespace heddle::test::crossed
