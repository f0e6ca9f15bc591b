// Shapes of attention benchmarks, and views of their operands wherever these lie.
#pragma once

#include <heddle/attention/attention.hpp>
#include <heddle/core/dtype.hpp>

#include <cstddef>
#include <string>
#include <vector>

#include "reference_rows.hpp"

namespace heddle::bench {

/// Where the operands lie.
enum class operands {
  heads,  ///< three arrays `[batch, heads, tokens, head_dim]`, as `scaled_dot_product_attention` takes them
  projection  ///< one array `[batch, tokens, 3, heads, head_dim]`, as a fused projection leaves it; out `[batch, tokens, heads * head_dim]`
};

/// The sizes of one problem.
struct attention_shape {
  std::size_t batch = 1;
  std::size_t heads = 1;
  std::size_t kv_heads = 0;  ///< of `grouped` sources; 0: as many as heads
  token_grid grid = {};
  std::size_t keys = 0;  ///< of a `cross_source`; 0: the tokens of the queries
  operands where = operands::heads;

  std::size_t key_tokens() const { return keys != 0 ? keys : grid.size(); }
  std::size_t key_heads() const { return kv_heads != 0 ? kv_heads : heads; }
};

template <class T>
inline constexpr const char* dtype_name = "f32";
template <>
inline constexpr const char* dtype_name<bfloat16> = "bf16";
template <>
inline constexpr const char* dtype_name<half> = "f16";

/// Pairs that see each other in one head of one batch item.
template <class Plan>
double visible_pairs(const Plan& plan, std::size_t batch) {
  double pairs = 0;
  for (std::size_t g = 0; g < plan.map().groups(); ++g) pairs += static_cast<double>(group_pairs(plan, batch, g));
  return pairs;
}

/// The operands of one problem of head dimension `D`, elements of `T`, as views of memory of the host or of a device.
template <class T, std::size_t D>
struct operand_views {
  attention_shape shape;

  bool fused() const { return shape.where == operands::projection; }
  /// Elements of `q` (of a fused projection: of all three parts), of `k` and of `v` (none, fused), of the result.
  std::size_t q_size() const { return fused() ? 3 * out_size() : out_size(); }
  std::size_t k_size() const { return fused() ? 0 : shape.batch * shape.key_heads() * shape.key_tokens() * D; }
  std::size_t out_size() const { return shape.batch * shape.heads * shape.grid.size() * D; }
  /// Bytes of every operand and result once.
  double bytes() const { return static_cast<double>(sizeof(T)) * static_cast<double>(q_size() + 2 * k_size() + out_size()); }

  template <class U>
  static head_view<U, D> by_heads(U* data, std::size_t batch, std::size_t heads, std::size_t tokens) {
    return {data, extents<dyn, dyn, dyn, D>(batch, heads, tokens, D), {heads * tokens * D, tokens * D, D, 1}};
  }
  qkv_parts<const T, D> inputs(const T* q, const T* k, const T* v) const {
    if (fused()) return qkv_views<D>(q, shape.batch, shape.grid.size(), shape.heads);
    return {by_heads(q, shape.batch, shape.heads, shape.grid.size()),
            by_heads(k, shape.batch, shape.key_heads(), shape.key_tokens()),
            by_heads(v, shape.batch, shape.key_heads(), shape.key_tokens())};
  }
  head_view<T, D> result(T* out) const {
    if (!fused()) return by_heads(out, shape.batch, shape.heads, shape.grid.size());
    return merged_heads<D>(out, shape.batch, shape.grid.size(), shape.heads);
  }
  static std::vector<T> random(std::size_t count, std::uint64_t seed) {
    const std::vector<float> values = test::normal_vector(count, seed);
    return std::vector<T>(values.begin(), values.end());
  }
};

/// The plan of a problem, made in `scratch`, and the bytes that it takes there.
template <class Composition>
std::size_t plan_size(const Composition& c, const attention_shape& s) {
  if constexpr (Composition::source_type::same_tokens)
    return plan_bytes(c, s.grid, s.heads);
  else
    return plan_bytes(c, s.grid, sequence_grid(s.key_tokens()), s.heads);
}
template <class Composition>
attention_plan<Composition> make_plan(const Composition& c, const attention_shape& s, arena& scratch) {
  if constexpr (Composition::source_type::same_tokens)
    return plan_attention(c, s.grid, s.heads, scratch);
  else
    return plan_attention(c, s.grid, sequence_grid(s.key_tokens()), s.heads, scratch);
}

/// A random table for `relative_position_bias` on the windows of a partition; empty where the partition refuses the grid,
/// which the subject will say.
template <class Partition>
std::vector<float> offset_table(const Partition& p, const attention_shape& s) {
#if HEDDLE_HAS_EXCEPTIONS
  try {
    return test::normal_vector(relative_position_bias<>::table_size(p.map(s.grid).window(), s.heads), 3, 0.5);
  } catch (const shape_error&) {
    return {};
  }
#else
  return test::normal_vector(relative_position_bias<>::table_size(p.map(s.grid).window(), s.heads), 3, 0.5);
#endif
}

/// `1x12x196x64`: batch, heads, tokens, head_dim; a grid as `56x56`, other keys as `200to298`.
inline std::string shape_text(const attention_shape& s, std::size_t dim) {
  std::string tokens = std::to_string(s.grid.width);
  if (s.grid.height > 1) tokens = std::to_string(s.grid.height) + '*' + tokens;
  if (s.grid.frames > 1) tokens = std::to_string(s.grid.frames) + '*' + tokens;
  if (s.keys != 0) tokens += "to" + std::to_string(s.keys);
  return std::to_string(s.batch) + 'x' + std::to_string(s.heads) + 'x' + tokens + 'x' + std::to_string(dim);
}

}  // namespace heddle::bench
