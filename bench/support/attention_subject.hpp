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

#include "attention_shape.hpp"
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

/// Whether this build's `simd` computes a composition on elements of `T`.
template <class T, std::size_t D, class Composition>
inline constexpr bool has_kernel =
    detail::kernel_supports<kernel<op::attend, attend_backend>, attend_arguments<Composition, D, T, T, view_rows<T, D>>>;

/// `T`: how operands are stored. `D`: the head dimension that the kernel is compiled for.
template <class T, std::size_t D, class Composition>
class attention_subject final : public subject {
  Composition composition_;
  operand_views<T, D> views_;
  attend_backend backend_;
  std::vector<T> q_, k_, v_, out_;  // of a fused projection, all three parts are in q_
  workspace memory_;
  arena scratch_;
  attention_plan<Composition> plan_;

  const attention_shape& shape() const { return views_.shape; }
  token_grid key_grid() const { return Composition::source_type::same_tokens ? shape().grid : sequence_grid(shape().keys); }
  qkv_parts<const T, D> inputs() const { return views_.inputs(q_.data(), k_.data(), v_.data()); }

 public:
  attention_subject(const Composition& c, const attention_shape& s, std::size_t threads)
      : composition_(c),
        views_{s},
        backend_(backend_with(threads)),
        q_(views_.random(views_.q_size(), 7)),
        k_(views_.random(views_.k_size(), 8)),
        v_(views_.random(views_.k_size(), 9)),
        out_(views_.out_size()),
        memory_(plan_size(c, s) + attend_bytes<T>(backend_, c, s.grid, key_grid(), D)),
        scratch_(memory_.scratch()),
        plan_(make_plan(composition_, s, scratch_)) {}

  void run() override {
    const auto x = inputs();
    attend(context<attend_backend>{backend_, scratch_}, plan_, x.q, x.k, x.v, views_.result(out_.data()));
  }
  double error() override {
    std::fill(out_.begin(), out_.end(), T(77.0F));
    run();
    const auto x = inputs();
    return rows_error(plan_, x.q, x.k, x.v, views_.result(out_.data()));
  }
  double flop() const override {
    double pairs = 0;
    for (std::size_t b = 0; b < shape().batch; ++b) pairs += visible_pairs(plan_, b);
    return 4.0 * pairs * static_cast<double>(shape().heads * D);
  }
  double bytes() const override { return views_.bytes(); }
};

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
  e.tolerance = std::is_same_v<T, float> ? 1e-5 : 2e-2;  // rounding to 8 bits, of the weights too
  e.make = [=](std::size_t n) -> std::unique_ptr<subject> {
    return std::make_unique<attention_subject<T, D, Composition>>(c, s, n);
  };
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
