// Rows of the crossed test (tests/attention/crossed) on a device, emulated: a sample of the rows, with lanes in order and at
// random by turns.
#pragma once

#include <heddle/cuda/attend.cuh>

#include "attention/crossed/cases.hpp"
#include "tests/kernels/cuda/on_device.hpp"

namespace heddle::test::crossed {

/// Weights are rounded to the elements' type where products are of it.
template <class T>
inline constexpr double device_bound = std::is_same_v<T, float>      ? f32_bound
                                       : std::is_same_v<T, bfloat16> ? 2e-2
                                                                     : 3e-3;

template <row R, class Composition>
auto run_device(const Composition& c, const inputs<R>& x) {
  using in = inputs<R>;
  using output = typename in::level::output;
  auto r = empty_results<output, R>(c);
  on_device<typename in::type> q(x.q);
  on_device<typename in::type> k(x.k);
  on_device<typename in::type> v(x.v);
  on_device<output> out(r.out);
  on_device<float> lse(r.lse);
  on_device<float> importance(r.importance);
  on_device<float> class_rows(r.class_rows);
  on_device<float> probability(r.probability);
  attend_outputs o = r.outputs;
  const auto moved = [](const head_rows<float>& host, float* data) {
    return head_rows<float>(data, host.extents(), {host.stride(0), host.stride(1), host.stride(2)});
  };
  o.logsumexp = moved(o.logsumexp, lse.data());
  o.importance = moved(o.importance, importance.data());
  o.class_row = moved(o.class_row, class_rows.data());
  const auto& p = r.outputs.probabilities;
  o.probabilities = head_view<float>(probability.data(), p.extents(), {p.stride(0), p.stride(1), p.stride(2), p.stride(3)});
  const device_workspace memory(plan_bytes(c, grid_of_cases, key_grid_of<R>(), in::heads) +
                                attend_bytes<typename in::type>(cuda<>{}, c, grid_of_cases, key_grid_of<R>(), in::level::dim));
  attend(context<cuda<>>{cuda<>{}, memory.scratch()}, c, in::queries(q.data()), in::keys(k.data()), in::keys(v.data()),
         merged_heads<in::level::fixed>(out.data(), batch, in::tokens, in::heads, in::level::dim), grid_of_cases, o);
  r.out = out.to_host();
  r.lse = lse.to_host();
  r.importance = importance.to_host();
  r.class_rows = class_rows.to_host();
  r.probability = probability.to_host();
  return r;
}

/// Every `Stride`-th run of the rows of a list, the first of each another.
template <std::size_t Stride, std::size_t... Rows>
void run_rows_on_device() {
  const auto one = [&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
    constexpr row r = rows[I];
    using level = element_level<r.elements>;
    std::uint64_t seed = 0;
    each_run<r>(I % Stride, Stride, device_bound<typename level::type>, level::rounding,
                [&](const auto& c, const inputs<r>& x) {
                  const device::emulation::options_scope order({.seed = seed, .races = true});
                  seed = seed == 0 ? 5 : 0;
                  device::emulation::report_scope reports;
                  auto results = run_device<r>(c, x);
                  INFO(reports.text());
                  CHECK(reports.empty());
                  return results;
                });
  };
  (one(std::integral_constant<std::size_t, Rows>{}), ...);
}

}  // namespace heddle::test::crossed
