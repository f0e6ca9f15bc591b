/// @file
/// `attend` on vectors: one kernel generated from the composition.
///
/// For a group the token list is made once; for each head its keys become panels `[head_dim][V]` (lane = key), its values
/// rows of whole vectors. A block of queries then makes all its scores (a register tile starts from the bias, so that a
/// bias costs one load), turns them into weights in place and sums the values. Panels that the mask leaves out are never
/// touched. Short groups without masked pairs take another way (`attend_columns.hpp`). Every row is computed by the same operations whatever the number of workers.
#pragma once

#include <heddle/simd/attend_block.hpp>
#include <heddle/simd/attend_columns.hpp>

namespace heddle::inline v0 {

template <class Isa, class Executor>
struct kernel<op::attend, simd_backend<Isa, Executor>> {
  using backend_type = simd_backend<Isa, Executor>;
  using v = vec<Isa>;
  using sizes_type = detail::attend_sizes<Isa>;
  using scratch_type = detail::attend_scratch<Isa>;

  /// What this kernel knows; all else is refused when it is compiled.
  template <class Arguments>
  static constexpr bool supports = detail::plain_softmax_arguments<Arguments>;

  static constexpr std::size_t worker_bytes(const attend_shape& s) noexcept { return sizes_type(s).bytes(); }

  template <class Composition, std::size_t D>
  static void run(context<backend_type> ctx, const attend_arguments<Composition, D>& a) {
    const attend_shape shape = shape_of(a);
    const std::size_t groups = a.plan.map().groups();
    const std::size_t heads = a.plan.heads();
    const std::size_t whole_groups = a.q.extent(0) * groups;
    const std::size_t wanted = 4 * ctx.backend.concurrency();
    if (ctx.backend.concurrency() == 1 || whole_groups >= wanted) {   // the token list is made once for all heads
      ctx.for_each(whole_groups, worker_bytes(shape), [&](auto mine, std::size_t i) {
        const worker<Composition, D> w(mine.scratch, a, shape, i / groups, i / groups, i % groups, false);
        for (std::size_t head = 0; head < heads; ++head) w.head(head, 0, shape.queries);
      });
      return;
    }
    // Few groups: heads apart, and long rows of queries in parts, each of which packs the keys again.
    const std::size_t blocks = (shape.queries + sizes_type::block_rows - 1) / sizes_type::block_rows;
    const std::size_t most = (blocks + 7) / 8;
    std::size_t parts = (wanted + whole_groups * heads - 1) / (whole_groups * heads == 0 ? 1 : whole_groups * heads);
    parts = parts < 1 ? 1 : parts > most ? most : parts;
    const std::size_t part_rows = (blocks + parts - 1) / parts * sizes_type::block_rows;
    ctx.for_each(whole_groups * heads * parts, worker_bytes(shape), [&](auto mine, std::size_t i) {
      const std::size_t first = i % parts * part_rows;
      if (first >= shape.queries) return;
      const std::size_t last = first + part_rows < shape.queries ? first + part_rows : shape.queries;
      const std::size_t g = i / parts / heads;
      const worker<Composition, D> w(mine.scratch, a, shape, g / groups, g / groups, g % groups, false);
      w.head(i / parts % heads, first, last);
    });
  }

  template <class Composition, std::size_t D>
  static void run_group(context<backend_type> ctx, const attend_arguments<Composition, D>& a, std::size_t batch, std::size_t group) {
    const attend_shape shape = shape_of(a);
    const worker<Composition, D> w(ctx.scratch, a, shape, batch, 0, group, true);
    for (std::size_t head = 0; head < a.plan.heads(); ++head) w.head(head, 0, shape.queries);
  }

 private:
  template <class Composition, std::size_t D>
  static attend_shape shape_of(const attend_arguments<Composition, D>& a) noexcept {
    return detail::shape_of(a);
  }

  /// One group: its token lists, and its heads one after the other.
  template <class Composition, std::size_t D>
  class worker {
    using position_type = typename Composition::position_type;
    static constexpr bool positioned = !std::is_same_v<position_type, no_position>;
    static constexpr bool masked = !std::is_same_v<typename Composition::mask_type, full>;
    static constexpr bool by_columns = detail::attend_columns<Isa, D>::possible && Composition::source_type::same_tokens &&
                                       (Composition::modifiers == 0 || detail::bias_runs<Composition>::only);

    const attend_arguments<Composition, D>& a_;
    sizes_type sizes_;
    scratch_type s_;
    std::size_t batch_;        ///< for masks
    std::size_t view_batch_;   ///< for addresses
    std::size_t group_;
    bool local_;

   public:
    worker(arena memory, const attend_arguments<Composition, D>& a, const attend_shape& shape, std::size_t batch,
           std::size_t view_batch, std::size_t group, bool local)
        : a_(a), sizes_(shape), s_(memory, sizes_), batch_(batch), view_batch_(view_batch), group_(group), local_(local) {
      a.plan.map().tokens(group, s_.query_tokens);
      a.plan.key_tokens(group, s_.query_tokens, s_.key_tokens);
      find_valid();
    }

    /// Queries `[first, last)` of one head.
    void head(std::size_t h, std::size_t first, std::size_t last) const {
      const group_context<typename Composition::map_type> c{batch_, group_, h, sizes_.queries, sizes_.keys, &a_.plan.map()};
      if constexpr (by_columns) {
        if (all_visible(c) && columns_ready(h)) return head_by_columns(h, first, last);
      }
      detail::pack_panels<Isa, D>(source(a_.k, s_.key_tokens, h), sizes_.keys, sizes_.head_dim, 1.0F, s_.keys);
      if (!pack_values(h)) return plainly(c, first, last);
      detail::attend_problem<Isa, Composition, D> problem(a_.plan.composition(), a_.plan.bias(), sizes_, s_, c);
      const float scale = a_.plan.composition().score().scale(h, sizes_.head_dim);
      for (std::size_t q0 = first; q0 < last; q0 += sizes_.block_rows) {
        const std::size_t q1 = q0 + sizes_.block_rows < last ? q0 + sizes_.block_rows : last;
        store(h, q0, q1, problem.run(source(a_.q, s_.query_tokens, h), scale, q0, q1));
      }
    }

   private:
    /// Nothing is masked: not by the mask, not by padding.
    template <class Context>
    bool all_visible(const Context& c) const {
      if (sizes_.short_keys() < detail::attend_columns<Isa, D>::rows) return false;
      if (a_.plan.map().padded()) return false;
      if constexpr (masked) return detail::classify(a_.plan.composition().mask(), c, 0, sizes_.queries, 0, sizes_.keys) == tile::full;
      return true;
    }
    /// There is no bias, or it is expanded by columns.
    bool columns_ready(std::size_t h) const { return Composition::modifiers == 0 || a_.plan.bias().columns(h) != nullptr; }

    /// Queries `[first, last)` of a head in which everybody sees everybody.
    void head_by_columns(std::size_t h, std::size_t first, std::size_t last) const {
      const float scale = a_.plan.composition().score().scale(h, D);
      detail::pack_panels<Isa, D>(source(a_.q, s_.query_tokens, h), sizes_.queries, D, scale, s_.keys);
      detail::attend_columns<Isa, D> problem{s_.keys,   nullptr,
                                             nullptr,   sizes_.value_pitch,
                                             sizes_.value_pitch, sizes_.keys,
                                             nullptr,   a_.plan.bias().pitch(),
                                             s_.scores, s_.row_vectors,
                                             s_.sums};
      if constexpr (Composition::modifiers > 0) problem.bias = a_.plan.bias().columns(h);
      find_rows(problem, h);
      const std::size_t end = (last + v::size - 1) / v::size;
      for (std::size_t vector = first / v::size; vector < end; vector += 2) {
        if (vector + 1 < end) {
          problem.template run<2>(vector);
          store_columns<2>(problem, h, vector, last);
        } else {
          problem.template run<1>(vector);
          store_columns<1>(problem, h, vector, last);
        }
      }
    }

    /// Rows of keys and values: in place where they are the rows of the group, else packed.
    void find_rows(detail::attend_columns<Isa, D>& problem, std::size_t h) const {
      const auto k = source(a_.k, s_.key_tokens, h);
      const auto values = rows_of(a_.v, s_.key_tokens, h);
      if (local_ && !positioned) {
        problem.keys = k.row(0);
        problem.key_pitch = a_.k.stride(2);
        problem.values = values.row(0);
        problem.value_pitch = a_.v.stride(2);
      } else {
        detail::pack_rows<Isa, D, false>(k, 0, sizes_.keys, D, 1.0F, s_.key_rows, sizes_.value_pitch);
        detail::pack_rows<Isa, D, false>(values, 0, sizes_.keys, D, 1.0F, s_.values, sizes_.value_pitch);
        problem.keys = s_.key_rows;
        problem.values = s_.values;
      }
    }

    template <std::size_t Columns>
    void store_columns(const detail::attend_columns<Isa, D>& problem, std::size_t h, std::size_t vector, std::size_t last) const {
      for (std::size_t j = 0; j < Columns; ++j) {
        const std::size_t q0 = (vector + j) * v::size;
        problem.template store<Columns>(j, [&](std::size_t lane) -> float* {
          return q0 + lane < last ? &a_.out(view_batch_, h, output_row(q0 + lane), 0) : nullptr;
        });
        if constexpr (Composition::observer_type::returns_logsumexp) {
          for (std::size_t q = q0; q < q0 + v::size && q < last; ++q)
            write_logsumexp(h, q, problem.statistics[j * v::size + q - q0], problem.statistics[(2 + j) * v::size + q - q0]);
        }
      }
    }

    std::size_t output_row(std::size_t q) const noexcept { return local_ ? q : static_cast<std::size_t>(s_.query_tokens[q]); }

    void write_logsumexp(std::size_t h, std::size_t q, float largest, float sum) const {
      a_.outputs.logsumexp(view_batch_, h, output_row(q)) = sum == 0.0F ? -std::numeric_limits<float>::infinity() : largest + std::log(sum);
    }

    template <class Rows>
    detail::head_rows_source rows_of(const Rows& x, const std::int32_t* tokens, std::size_t h) const {
      return {x.data_handle() + view_batch_ * x.stride(0) + h * x.stride(1), x.stride(2), tokens, local_};
    }

    /// The rows of a head; after the position policy where there is one.
    template <class Rows>
    auto source(const Rows& x, const std::int32_t* tokens, std::size_t h) const {
      if constexpr (positioned) {
        return detail::positioned_source<position_type>{rows_of(x, tokens, h), a_.plan.composition().position(), s_.stage, sizes_.head_dim, h};
      } else {
        return rows_of(x, tokens, h);
      }
    }

    /// Marks lanes and panels that hold padding. Padding behind the last key is -inf already where scores start from a
    /// bias and nothing but biases follows.
    void find_valid() const {
      constexpr bool tail_is_hidden = detail::bias_runs<Composition>::only;
      for (std::size_t p = 0; p < sizes_.panels; ++p) {
        bool complete = true;
        for (std::size_t i = p * v::size; i < (p + 1) * v::size; ++i) {
          const bool inside = i < sizes_.keys;
          const bool present = inside && s_.key_tokens[i] >= 0;
          s_.valid[i] = present ? 0.0F : -1.0F;
          complete = complete && (present || (!inside && tail_is_hidden));
        }
        s_.complete[p] = complete ? 1 : 0;
      }
    }

    /// False where a value is not finite and a mask could hide it: its weight 0 would not.
    bool pack_values(std::size_t h) const {
      const bool finite = detail::pack_rows<Isa, D, masked>(rows_of(a_.v, s_.key_tokens, h), 0, sizes_.keys, sizes_.head_dim, 1.0F, s_.values, sizes_.value_pitch);
      for (float* p = s_.values + sizes_.keys * sizes_.value_pitch; p < s_.values + sizes_.panels * v::size * sizes_.value_pitch; ++p)
        *p = 0.0F;
      return finite;
    }

    /// The definition itself, row by row: rare, slow, and exact about who sees what.
    template <class Context>
    HEDDLE_COLD void plainly(const Context& c, std::size_t first, std::size_t last) const {
      arena memory = s_.plain;
      const detail::plain_scratch plain = detail::take_plain_scratch(memory, sizes_.keys, sizes_.head_dim);
      const detail::group_tokens tokens{s_.query_tokens, s_.key_tokens, local_};
      for (std::size_t q = first; q < last; ++q)
        if (s_.query_tokens[q] >= 0) detail::attend_row(a_, c, view_batch_, tokens, q, plain);
    }

    /// Normalises the sums of queries `[q0, q1)` and writes them where their tokens lie.
    void store(std::size_t h, std::size_t q0, std::size_t q1, bool any) const {
      const std::size_t dim = D == dyn ? sizes_.head_dim : D;
      for (std::size_t q = q0; q < q1; ++q) {
        if (s_.query_tokens[q] < 0) continue;
        const std::size_t r = q - q0;
        const float sum = any ? s_.rows.sum[r] : 0.0F;
        const v inverse(1.0F / sum);
        float* out = &a_.out(view_batch_, h, output_row(q), 0);
        const float* from = s_.sums + r * sizes_.value_pitch;
        for (std::size_t d = 0; d < dim; d += v::size) {
          const v y = sum == 0.0F ? v::zero() : v::load(from + d) * inverse;
          if (dim - d >= v::size) {
            y.store(out + d);
          } else {
            y.store_partial(out + d, dim - d);
          }
        }
        if constexpr (Composition::observer_type::returns_logsumexp) write_logsumexp(h, q, s_.rows.largest[r], sum);
      }
    }
  };
};

}  // namespace heddle::inline v0
