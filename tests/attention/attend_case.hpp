// Random queries, keys and values in the layout of a fused projection, and one call of attend on them.
#pragma once

#include <heddle/primitive/attend.hpp>

#include <vector>

#include "support/random.hpp"

namespace heddle::test {

/// `[batch, tokens, 3, heads, dim]` in, `[batch, tokens, heads, dim]` out, with the logsumexp `[batch, heads, tokens]`.
struct attend_case {
  std::size_t batch;
  std::size_t heads;
  std::size_t dim;
  token_grid grid;
  std::vector<float> projection;
  std::vector<float> out;
  std::vector<float> lse;

  attend_case(std::size_t batch_, std::size_t heads_, std::size_t dim_, token_grid grid_, std::uint64_t seed,
              double scale = 1.0)
      : batch(batch_),
        heads(heads_),
        dim(dim_),
        grid(grid_),
        projection(normal_vector(batch_ * grid_.size() * 3 * heads_ * dim_, seed, scale)),
        out(batch_ * grid_.size() * heads_ * dim_, 77.0F),
        lse(batch_ * heads_ * grid_.size(), 77.0F) {}

  std::size_t tokens() const { return grid.size(); }

  template <std::size_t D = dyn>
  qkv_parts<const float, D> inputs() const {
    return qkv_views<D>(projection.data(), batch, tokens(), heads, qkv_order::qkv_heads, dim);
  }
  template <std::size_t D = dyn>
  head_view<float, D> output() {
    return merged_heads<D>(out.data(), batch, tokens(), heads, dim);
  }
  head_rows<float> logsumexps() {
    return {lse.data(), extents<dyn, dyn, dyn>(batch, heads, tokens()), {heads * tokens(), tokens(), std::size_t{1}}};
  }
  float& at(std::size_t part, std::size_t b, std::size_t token, std::size_t head, std::size_t d) {
    return projection[(((b * tokens() + token) * 3 + part) * heads + head) * dim + d];
  }

  /// Runs a composition with exactly the scratch that it asks for; observers of weights write to `outputs`.
  template <class Backend, std::size_t D = dyn, class Composition>
  void run(const Composition& c, const Backend& backend = {}, attend_outputs outputs = {}) {
    const workspace memory(plan_bytes(c, grid, heads) + attend_bytes(backend, c, grid, dim));
    const auto x = inputs<D>();
    if constexpr (Composition::observer_type::returns_logsumexp) outputs.logsumexp = logsumexps();
    attend(context<Backend>{backend, memory.scratch()}, c, x.q, x.k, x.v, output<D>(), grid, outputs);
  }
};

}  // namespace heddle::test
