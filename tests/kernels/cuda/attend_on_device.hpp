// One call of attend on the emulated device and one of the definition, with everything that comes out.
#pragma once

#include <heddle/backend/reference.hpp>
#include <heddle/cuda/attend.cuh>

#include <array>
#include <vector>

#include "tests/kernels/cuda/on_device.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

namespace heddle::test {

/// A call: `[batch, tokens, heads, dim]` for queries and outputs, keys and values alike.
struct attend_sizes_of_call {
  std::size_t batch = 1;
  std::size_t heads = 2;
  std::size_t key_heads = 2;
  std::size_t dim = 16;
  token_grid grid{};
  token_grid key_grid{};  ///< that of the queries unless keys come from elsewhere
};

template <class T>
std::vector<T> random_elements(std::size_t n, std::uint64_t seed) {
  std::vector<T> x;
  for (const float f : normal_vector(n, seed)) x.push_back(static_cast<T>(f));
  return x;
}

/// What a call returns, in memory of the host or of the device.
template <class Out>
struct attend_results {
  std::vector<Out> out;
  std::vector<float> lse;
  std::vector<float> importance;
  std::vector<float> class_rows;
  std::vector<float> probability;

  explicit attend_results(const attend_sizes_of_call& s, std::size_t groups, std::size_t queries, std::size_t keys)
      : out(s.batch * s.grid.size() * s.heads * s.dim, Out(77.0F)),
        lse(s.batch * s.heads * s.grid.size(), 77.0F),
        importance(s.batch * s.heads * s.key_grid.size(), 0.25F),  // added to
        class_rows(importance.size(), 55.0F),
        probability(s.batch * s.heads * groups * queries * keys, 55.0F) {}
};

inline head_rows<float> rows_of_heads(float* data, const attend_sizes_of_call& s, std::size_t n) {
  return {data, extents<dyn, dyn, dyn>(s.batch, s.heads, n), {s.heads * n, n, std::size_t{1}}};
}

template <class T, std::size_t D = dyn>
head_view<T, D> heads_of_rows(T* data, std::size_t batch, std::size_t heads, std::size_t tokens, std::size_t dim) {
  return merged_heads<D>(data, batch, tokens, heads, dim);
}

/// What a test may set before the call.
template <class T>
struct attend_inputs {
  std::vector<T> q;
  std::vector<T> k;
  std::vector<T> v;
  std::vector<float> weights;  ///< of rows; empty: none

  attend_inputs(const attend_sizes_of_call& s, std::uint64_t seed)
      : q(random_elements<T>(s.batch * s.grid.size() * s.heads * s.dim, seed)),
        k(random_elements<T>(s.batch * s.key_grid.size() * s.key_heads * s.dim, seed + 1000)),
        v(random_elements<T>(s.batch * s.key_grid.size() * s.key_heads * s.dim, seed + 2000)) {}
};

template <std::size_t D, class Out, class Backend, class T, class Composition>
void call_attend(const Backend& backend, const arena& memory, const Composition& c, const attend_sizes_of_call& s, const T* q,
                 const T* k, const T* v, Out* out, const attend_outputs& outputs) {
  context<Backend> ctx{backend, memory};
  const auto keys = [&](const T* x) { return heads_of_rows<const T, D>(x, s.batch, s.key_heads, s.key_grid.size(), s.dim); };
  attend(ctx, c, heads_of_rows<const T, D>(q, s.batch, s.heads, s.grid.size(), s.dim), keys(k), keys(v),
         heads_of_rows<Out, D>(out, s.batch, s.heads, s.grid.size(), s.dim), s.grid, outputs);
}

template <class T, class Backend, class Composition>
std::size_t bytes_of_call(const Backend& backend, const Composition& c, const attend_sizes_of_call& s) {
  return plan_bytes(c, s.grid, s.key_grid, s.heads) + attend_bytes<T>(backend, c, s.grid, s.key_grid, s.dim);
}

/// On the reference, into floats.
template <std::size_t D, class T, class Composition>
attend_results<float> run_definition(const Composition& c, const attend_sizes_of_call& s, const attend_inputs<T>& x) {
  const auto map = c.partition().map(s.grid);
  attend_results<float> r(s, map.groups(), map.group_size(), detail::keys_of<Composition>(map, s.key_grid));
  attend_outputs o;
  const std::size_t h = s.heads * map.groups();
  const std::size_t keys = detail::keys_of<Composition>(map, s.key_grid);
  o.logsumexp = rows_of_heads(r.lse.data(), s, s.grid.size());
  o.importance = rows_of_heads(r.importance.data(), s, s.key_grid.size());
  o.class_row = rows_of_heads(r.class_rows.data(), s, s.key_grid.size());
  o.probabilities = head_view<float>(r.probability.data(), extents<dyn, dyn, dyn, dyn>(s.batch, h, map.group_size(), keys),
                                     {h * map.group_size() * keys, map.group_size() * keys, keys, std::size_t{1}});
  if (!x.weights.empty())
    o.row_weights = head_rows<const float>(x.weights.data(), extents<dyn, dyn, dyn>(s.batch, s.heads, s.grid.size()),
                                           {s.heads * s.grid.size(), s.grid.size(), std::size_t{1}});
  const workspace memory(bytes_of_call<T>(reference{}, c, s));
  call_attend<D>(reference{}, memory.scratch(), c, s, x.q.data(), x.k.data(), x.v.data(), r.out.data(), o);
  return r;
}

/// On the device, with exactly the scratch that the call asks for; arrays begin `offset` elements behind an aligned address.
template <std::size_t D, class Out, class T, class Composition>
attend_results<Out> run_on_device(const Composition& c, const attend_sizes_of_call& s, const attend_inputs<T>& x,
                                  std::size_t offset = 0) {
  const auto map = c.partition().map(s.grid);
  const std::size_t keys = detail::keys_of<Composition>(map, s.key_grid);
  attend_results<Out> r(s, map.groups(), map.group_size(), keys);
  on_device<T> q(x.q, offset);
  on_device<T> k(x.k, offset);
  on_device<T> v(x.v, offset);
  on_device<Out> out(r.out, offset);
  on_device<float> lse(r.lse);
  on_device<float> importance(r.importance);
  on_device<float> class_rows(r.class_rows);
  on_device<float> probability(r.probability);
  on_device<float> weights(x.weights);
  attend_outputs o;
  const std::size_t h = s.heads * map.groups();
  o.logsumexp = rows_of_heads(lse.data(), s, s.grid.size());
  o.importance = rows_of_heads(importance.data(), s, s.key_grid.size());
  o.class_row = rows_of_heads(class_rows.data(), s, s.key_grid.size());
  o.probabilities = head_view<float>(probability.data(), extents<dyn, dyn, dyn, dyn>(s.batch, h, map.group_size(), keys),
                                     {h * map.group_size() * keys, map.group_size() * keys, keys, std::size_t{1}});
  if (!x.weights.empty())
    o.row_weights = head_rows<const float>(weights.data(), extents<dyn, dyn, dyn>(s.batch, s.heads, s.grid.size()),
                                           {s.heads * s.grid.size(), s.grid.size(), std::size_t{1}});
  const device_workspace memory(bytes_of_call<T>(cuda<>{}, c, s));
  call_attend<D>(cuda<>{}, memory.scratch(), c, s, static_cast<const T*>(q.data()), static_cast<const T*>(k.data()),
                 static_cast<const T*>(v.data()), out.data(), o);
  r.out = out.to_host();
  r.lse = lse.to_host();
  r.importance = importance.to_host();
  r.class_rows = class_rows.to_host();
  r.probability = probability.to_host();
  return r;
}

/// Everything that comes out, `bound` of the largest value; `rounding` more for the elements of the output.
template <class Out>
void require_same_results(const attend_results<float>& expected, const attend_results<Out>& got, double bound,
                          double rounding = 0.0) {
  std::vector<float> out;
  for (const Out x : got.out) out.push_back(static_cast<float>(x));
  const auto close = [](const char* what, const std::vector<float>& e, const std::vector<float>& g, double limit) {
    const worst_element w = worst(e, g);
    INFO(what << ": " << w.text());
    CHECK(w.relative() < limit);
  };
  close("out", expected.out, out, bound + rounding);
  close("logsumexp", expected.lse, got.lse, bound);
  close("importance", expected.importance, got.importance, bound);
  close("class row", expected.class_rows, got.class_rows, bound);
  close("probabilities", expected.probability, got.probability, bound);
}

/// The keys' grid is that of the queries.
inline attend_sizes_of_call self_call(token_grid grid, std::size_t dim, std::size_t heads = 2, std::size_t batch = 1) {
  return {batch, heads, heads, dim, grid, grid};
}

/// One composition on both, with lanes in both orders.
template <std::size_t D = dyn, class T = float, class Out = T, class Composition>
void require_like_definition(const Composition& c, const attend_sizes_of_call& s, std::uint64_t seed, double bound = 1e-5,
                             double rounding = 0.0, std::size_t offset = 0) {
  const attend_inputs<T> x(s, seed);
  INFO("tokens " << s.grid.size() << ", keys " << s.key_grid.size() << ", head_dim " << s.dim);
  const auto expected = run_definition<D>(c, s, x);
  in_both_orders([&] { require_same_results(expected, run_on_device<D, Out>(c, s, x, offset), bound, rounding); });
}

}  // namespace heddle::test
