// One way of attend on the emulated device, without the selection between ways, against the definition.
#pragma once

#include <heddle/backend/reference.hpp>
#include <heddle/cuda/attend_fill.cuh>
#include <heddle/cuda/attend_parameters.cuh>
#include <heddle/cuda/runtime/runtime.hpp>

#include <vector>

#include "tests/kernels/cuda/on_device.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

namespace heddle::test {

/// Sizes of a call, `[batch, tokens, heads, dim]` for queries and outputs, keys and values alike.
struct way_case {
  token_grid grid{};
  token_grid key_grid{};
  std::size_t heads = 2;
  std::size_t key_heads = 2;
  std::size_t batch = 1;
  std::size_t offset = 0;  ///< elements from an aligned address to the first
  std::uint64_t seed = 1;

  static way_case self(token_grid grid, std::uint64_t seed, std::size_t heads = 2, std::size_t batch = 1,
                       std::size_t offset = 0) {
    return {grid, grid, heads, heads, batch, offset, seed};
  }
};

template <class T>
struct way_inputs {
  std::vector<T> q;
  std::vector<T> k;
  std::vector<T> v;
};

template <std::size_t D, class T>
way_inputs<T> random_inputs(const way_case& s) {
  const auto make = [&](std::size_t n, std::uint64_t seed) {
    std::vector<T> x;
    for (const float f : normal_vector(n, seed)) x.push_back(static_cast<T>(f));
    return x;
  };
  const std::size_t keys = s.batch * s.key_grid.size() * s.key_heads * D;
  return {make(s.batch * s.grid.size() * s.heads * D, s.seed), make(keys, s.seed + 1000), make(keys, s.seed + 2000)};
}

template <class Composition>
auto plan_of(const Composition& c, const way_case& s, arena& memory) {
  if constexpr (Composition::source_type::same_tokens) {
    return plan_attention(c, s.grid, s.heads, memory);
  } else {
    return plan_attention(c, s.grid, s.key_grid, s.heads, memory);
  }
}

/// What comes out, in floats.
struct way_results {
  std::vector<float> out;
  std::vector<float> lse;
};

inline head_rows<float> lse_view(float* data, const way_case& s) {
  return {
      data, extents<dyn, dyn, dyn>(s.batch, s.heads, s.grid.size()), {s.heads * s.grid.size(), s.grid.size(), std::size_t{1}}};
}

/// By the definition.
template <std::size_t D, class T, class Composition>
way_results by_definition(const Composition& c, const way_case& s, const way_inputs<T>& x) {
  way_results r{std::vector<float>(s.batch * s.grid.size() * s.heads * D),
                std::vector<float>(s.batch * s.heads * s.grid.size())};
  const workspace memory(plan_bytes(c, s.grid, s.key_grid, s.heads) + attend_bytes<T>(reference{}, c, s.grid, s.key_grid, D));
  arena scratch = memory.scratch();
  const auto plan = plan_of(c, s, scratch);
  const auto keys = [&](const T* p) { return merged_heads<D>(p, s.batch, s.key_grid.size(), s.key_heads); };
  attend(context<reference>{reference{}, scratch}, plan, merged_heads<D>(x.q.data(), s.batch, s.grid.size(), s.heads),
         keys(x.k.data()), keys(x.v.data()), merged_heads<D>(r.out.data(), s.batch, s.grid.size(), s.heads),
         lse_view(r.lse.data(), s));
  return r;
}

/// `Way<Arguments>` says whether it is ready for the sizes, how much scratch it wants, and enqueues its kernels. `make_keys` makes
/// what attend takes for keys and values of a pointer.
template <template <class> class Way, std::size_t D, class Out, class T, class Composition, class MakeKeys>
way_results by_way(const Composition& c, const way_case& s, const way_inputs<T>& x, const MakeKeys& make_keys) {
  const std::size_t outputs = s.batch * s.grid.size() * s.heads * D;
  on_device<T> q(x.q, s.offset);
  on_device<T> k(x.k, s.offset);
  on_device<T> v(x.v, s.offset);
  on_device<Out> out(std::vector<Out>(outputs, Out(77.0F)), s.offset);
  on_device<float> lse(std::vector<float>(s.batch * s.heads * s.grid.size(), 77.0F));
  const device_workspace memory(plan_bytes(c, s.grid, s.key_grid, s.heads));
  arena scratch = memory.scratch();
  const auto plan = plan_of(c, s, scratch);
  const auto& kernel_plan = detail::plan_of_kernel(plan);
  const auto a =
      detail::make_arguments(kernel_plan, merged_heads<D>(static_cast<const T*>(q.data()), s.batch, s.grid.size(), s.heads),
                             make_keys(static_cast<const T*>(k.data())), make_keys(static_cast<const T*>(v.data())),
                             merged_heads<D>(out.data(), s.batch, s.grid.size(), s.heads), lse_view(lse.data(), s));
  using arguments = std::remove_const_t<decltype(a)>;
  using kernel_composition = typename arguments::composition_type;
  if constexpr (detail::bias_runs<kernel_composition>::count > 0) {
    const detail::attend_fill_biases<kernel_composition> fill{kernel_plan.composition(), kernel_plan.bias()};
    device::launch({}, detail::blocks_for(kernel_plan.bias().table_size(), fill.threads), 0, fill);
  }
  const auto p = detail::parameters_of(a);
  static_assert(Way<arguments>::supports);
  REQUIRE(Way<arguments>::ready(p));
  const device_workspace own(Way<arguments>::scratch(p));
  Way<arguments>::run(p, own.scratch());
  way_results r;
  for (const Out y : out.to_host()) r.out.push_back(static_cast<float>(y));
  r.lse = lse.to_host();
  return r;
}

inline void require_close(const way_results& expected, const way_results& got, bool lse, double bound, double rounding) {
  const worst_element w = worst(expected.out, got.out);
  INFO("out: " << w.text());
  CHECK(w.relative() < bound + rounding);
  if (!lse) return;
  const worst_element l = worst(expected.lse, got.lse);
  INFO("logsumexp: " << l.text());
  CHECK(l.relative() < bound);
}

}  // namespace heddle::test
