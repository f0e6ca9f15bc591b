// attend as a benchmark: any composition, on seeded random operands, checked against rows of the definition.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/core/dtype.hpp>
#include <heddle/primitive/attend.hpp>
#include <heddle/reference/attend.hpp>
#include <heddle/simd/attend.hpp>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "reference_rows.hpp"
#include "subject.hpp"
#include "tests/support/random.hpp"

namespace heddle::bench {

#if defined(_OPENMP)
using attend_backend = simd_on<openmp>;
inline attend_backend backend_with(std::size_t threads) { return {openmp(threads)}; }
#else
using attend_backend = simd;
inline attend_backend backend_with(std::size_t) { return {}; }
#endif

/// Where the operands lie.
enum class operands {
  heads,      ///< three arrays `[batch, heads, tokens, head_dim]`, as `scaled_dot_product_attention` takes them
  projection  ///< one array `[batch, tokens, 3, heads, head_dim]`, as a fused projection leaves it; out `[batch, tokens, heads * head_dim]`
};

/// The sizes of one problem.
struct attention_shape {
  std::size_t batch = 1;
  std::size_t heads = 1;
  std::size_t kv_heads = 0;   ///< of `grouped` sources; 0: as many as heads
  token_grid grid = {};
  std::size_t keys = 0;       ///< of a `cross_source`; 0: the tokens of the queries
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

/// Whether this build's `simd` computes a composition on elements of `T`.
template <class T, std::size_t D, class Composition>
inline constexpr bool has_kernel =
    detail::kernel_supports<kernel<op::attend, attend_backend>, attend_arguments<Composition, D, T, T, view_rows<T, D>>>;

/// `T`: how operands are stored. `D`: the head dimension that the kernel is compiled for.
template <class T, std::size_t D, class Composition>
class attention_subject final : public subject {
  using view_type = head_view<T, D>;
  static constexpr bool cross = !Composition::source_type::same_tokens;

  Composition composition_;
  attention_shape shape_;
  attend_backend backend_;
  std::vector<T> q_, k_, v_, out_;   // of a fused projection, all three parts are in q_
  workspace memory_;
  arena scratch_;
  attention_plan<Composition> plan_;

  token_grid key_grid() const { return cross ? sequence_grid(shape_.keys) : shape_.grid; }
  std::size_t plan_size() const {
    if constexpr (cross) return plan_bytes(composition_, shape_.grid, key_grid(), shape_.heads);
    return plan_bytes(composition_, shape_.grid, shape_.heads);
  }
  attention_plan<Composition> make_plan() {
    if constexpr (cross) {
      return plan_attention(composition_, shape_.grid, key_grid(), shape_.heads, scratch_);
    } else {
      return plan_attention(composition_, shape_.grid, shape_.heads, scratch_);
    }
  }

  static std::vector<T> random(std::size_t count, std::uint64_t seed) {
    const std::vector<float> values = test::normal_vector(count, seed);
    return std::vector<T>(values.begin(), values.end());
  }
  std::size_t elements() const { return shape_.batch * shape_.heads * shape_.grid.size() * D; }
  std::size_t key_elements() const { return shape_.batch * shape_.key_heads() * shape_.key_tokens() * D; }

  template <class U>
  head_view<U, D> by_heads(U* data, std::size_t heads, std::size_t tokens) const {
    return {data, extents<dyn, dyn, dyn, D>(shape_.batch, heads, tokens, D), {heads * tokens * D, tokens * D, D, 1}};
  }
  bool fused() const { return shape_.where == operands::projection; }
  qkv_parts<const T, D> inputs() const {
    if (fused()) return qkv_views<D>(q_.data(), shape_.batch, shape_.grid.size(), shape_.heads);
    return {by_heads(q_.data(), shape_.heads, shape_.grid.size()), by_heads(k_.data(), shape_.key_heads(), shape_.key_tokens()),
            by_heads(v_.data(), shape_.key_heads(), shape_.key_tokens())};
  }
  view_type out() {
    if (!fused()) return by_heads(out_.data(), shape_.heads, shape_.grid.size());
    return merged_heads<D>(out_.data(), shape_.batch, shape_.grid.size(), shape_.heads);
  }

 public:
  attention_subject(const Composition& c, const attention_shape& s, std::size_t threads)
      : composition_(c), shape_(s), backend_(backend_with(threads)),
        q_(random(fused() ? 3 * elements() : elements(), 7)), k_(random(fused() ? 0 : key_elements(), 8)),
        v_(random(fused() ? 0 : key_elements(), 9)), out_(elements()),
        memory_(plan_size() + attend_bytes<T>(backend_, c, s.grid, key_grid(), D)), scratch_(memory_.scratch()), plan_(make_plan()) {}

  void run() override {
    const auto x = inputs();
    attend(context<attend_backend>{backend_, scratch_}, plan_, x.q, x.k, x.v, out());
  }
  double error() override {
    std::fill(out_.begin(), out_.end(), T(77.0F));
    run();
    const auto x = inputs();
    return rows_error(plan_, x.q, x.k, x.v, out());
  }
  double flop() const override {
    double pairs = 0;
    for (std::size_t b = 0; b < shape_.batch; ++b) pairs += visible_pairs(plan_, b);
    return 4.0 * pairs * static_cast<double>(shape_.heads * D);
  }
  double bytes() const override {
    return static_cast<double>(sizeof(T)) * static_cast<double>(2 * elements() + 2 * key_elements());
  }
};

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

/// Registers `attend/<variant>/simd/<dtype>/<shape>` for one type. `key` names the case of the comparison, or is empty.
template <class T, std::size_t D, class Composition>
void add_attention_of(const std::string& variant, const std::string& key, const std::string& text, const Composition& c,
                      const attention_shape& s, std::size_t threads = 1) {
  static_assert(has_kernel<T, D, Composition>, "this build has no kernel for this composition and type");
  entry e;
  e.name = "attend/" + variant + "/simd/" + dtype_name<T> + '/' + shape_text(s, D);
  e.key = key;
  e.text = text;
  e.dtype = dtype_name<T>;
  e.tolerance = std::is_same_v<T, float> ? 1e-5 : 2e-2;   // rounding to 8 bits, of the weights too
  e.make = [=](std::size_t n) -> std::unique_ptr<subject> { return std::make_unique<attention_subject<T, D, Composition>>(c, s, n); };
  e.threads = threads;
  add(std::move(e));
}

#if defined(HEDDLE_BENCH_F32_ONLY)
inline constexpr bool other_types = false;
#else
inline constexpr bool other_types = true;
#endif

/// The same for f32 and, where there is a kernel, bf16.
template <std::size_t D, class Composition>
void add_attention(const std::string& variant, const std::string& key, const std::string& text, const Composition& c,
                   const attention_shape& s) {
  add_attention_of<float, D>(variant, key, text, c, s);
  if constexpr (other_types && has_kernel<bfloat16, D, Composition>) add_attention_of<bfloat16, D>(variant, key, text, c, s);
}

}  // namespace heddle::bench
