/// @file
/// The way of short groups in which everybody sees everybody: `attend_columns`, between packing and storing.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>

#include <heddle/simd/attend_columns.hpp>
#include <heddle/simd/attend_state.hpp>

namespace heddle::inline v0::detail {

template <class Isa, class Products, class Arguments>
class attend_short {
  using v = vec<Isa>;
  using state_type = attend_state<Isa, Products, Arguments>;
  using composition_type = typename state_type::composition_type;
  using normalizer_type = typename state_type::normalizer_type;
  using observer = observed<typename composition_type::observer_type>;
  static constexpr std::size_t D = Arguments::head_dim;

  const state_type& t_;
  std::size_t head_;
  token_range tokens_;

 public:
  static constexpr bool possible =
      attend_columns<Isa, D>::possible && std::is_same_v<Products, attend_products_f32<Isa>> &&
      std::is_same_v<typename Arguments::value_type, float> && std::is_same_v<typename Arguments::output_type, float> &&
      std::is_same_v<typename Arguments::keys_type, view_rows<float, D>> && !state_type::own_keys && !state_type::cross &&
      heads_per_key_head<typename composition_type::source_type> == 1 && normalizer_type::kind == normalizer_kind::exponential &&
      normalizer_parts<normalizer_type> == 1 && !initial_score<normalizer_type> && !observer::weights &&
      (composition_type::modifiers == 0 || bias_runs<composition_type>::only);

  attend_short(const state_type& t, std::size_t head) : t_(t), head_(head), tokens_(t.queries(0, t.sizes.queries)) {}

  /// Nothing is masked, not by the mask and not by padding, and a bias is there by columns.
  bool ready() const {
    if (t_.sizes.short_keys() < attend_columns<Isa, D>::rows || t_.sizes.chunk < t_.sizes.panels || t_.a.plan.map().padded()) return false;
    if (composition_type::modifiers > 0 && t_.a.plan.bias().columns(head_) == nullptr) return false;
    if constexpr (state_type::mask_type::masked) {
      auto context = t_.context;
      context.head = head_;
      return t_.mask.classify(context, 0, t_.sizes.queries, 0, t_.sizes.keys) == tile::full;
    }
    return true;
  }

  void run() const {
    const float scale = t_.composition().score().scale(head_, D);
    t_.with_queries(head_, tokens_, [&](const auto& rows) { pack_panels<Isa, D>(rows, 0, t_.sizes.queries, D, scale, t_.s.keys); });
    const std::size_t pitch = Products::out_pitch(D);
    attend_columns<Isa, D> problem{t_.s.keys, nullptr, nullptr, pitch, pitch, t_.sizes.keys, nullptr, t_.a.plan.bias().pitch(),
                                   t_.s.scores, t_.s.row_vectors, t_.s.sums};
    if constexpr (composition_type::modifiers > 0) problem.bias = t_.a.plan.bias().columns(head_);
    find_rows(problem);
    const std::size_t end = (t_.sizes.queries + v::size - 1) / v::size;
    for (std::size_t vector = 0; vector < end; vector += 2) {
      if (vector + 1 < end) {
        problem.template run<2>(vector);
        store<2>(problem, vector);
      } else {
        problem.template run<1>(vector);
        store<1>(problem, vector);
      }
    }
  }

 private:
  /// Rows of keys and values: in place where they are the rows of the group, else packed.
  void find_rows(attend_columns<Isa, D>& problem) const {
    const auto values = t_.values(head_, tokens_);
    if (t_.local && !copies_rows<composition_type>) {
      problem.keys = t_.a.k.row(t_.view_batch, head_, 0);
      problem.key_pitch = t_.a.k.stride(2);
      problem.values = values.row(0);
      problem.value_pitch = t_.a.v.stride(2);
      return;
    }
    t_.with_keys(head_, tokens_, [&](const auto& rows) {
      pack_rows<Isa, D, false>(rows, 0, t_.sizes.keys, D, 1.0F, t_.s.short_rows, Products::out_pitch(D));
    });
    pack_rows<Isa, D, false>(values, 0, t_.sizes.keys, D, 1.0F, t_.s.values, Products::out_pitch(D));
    problem.keys = t_.s.short_rows;
    problem.values = t_.s.values;
  }

  template <std::size_t Columns>
  void store(const attend_columns<Isa, D>& problem, std::size_t vector) const {
    const std::size_t last = t_.sizes.queries;
    for (std::size_t j = 0; j < Columns; ++j) {
      const std::size_t q0 = (vector + j) * v::size;
      problem.template store<Columns>(j, [&](std::size_t lane) -> float* {
        return q0 + lane < last ? &t_.a.out(t_.view_batch, head_, t_.output_row(tokens_, q0 + lane), 0) : nullptr;
      });
      if constexpr (observer::logsumexp) {
        for (std::size_t q = q0; q < q0 + v::size && q < last; ++q) {
          const float sum = problem.statistics[(2 + j) * v::size + q - q0];
          t_.a.outputs.logsumexp(t_.view_batch, head_, t_.output_row(tokens_, q)) =
              sum == 0.0F ? -std::numeric_limits<float>::infinity() : problem.statistics[j * v::size + q - q0] + std::log(sum);
        }
      }
    }
  }
};

}  // namespace heddle::inline v0::detail
