/// @file
/// `attend` on vectors: one kernel generated from the composition.
///
/// The unit of work is an outer block of queries of one group and one head of keys (`attend_outer.hpp`). The keys that it
/// can see are packed in chunks (`attend_chunk.hpp`), panels `[head_dim][V]` of keys (lane = key) and rows of values; each
/// block of a few queries then makes its scores, turns them into weights in place and adds the values (`attend_block.hpp`),
/// rescaling what it had before. Panels that the mask leaves out are never touched. How the products are computed is the
/// business of a products type (`attend_products.hpp`). Short groups without masked pairs take another way
/// (`attend_short.hpp`), and few queries read keys in place (`attend_rows.hpp`).
///
/// Memory is bounded whatever the number of tokens, and every row is computed by the same operations whatever the number
/// of workers.
#pragma once

#include <heddle/reference/attend.hpp>
#include <heddle/simd/attend_bf16.hpp>
#include <heddle/simd/attend_outer.hpp>
#include <heddle/simd/attend_short.hpp>
#include <heddle/simd/attend_short_tiles.hpp>

namespace heddle::inline v0 {

namespace detail {

/// Items of work of one call, with one products type.
template <class Isa, class Products, class Arguments>
class attend_driver {
  using composition_type = typename Arguments::composition_type;
  using state_type = attend_state<Isa, Products, Arguments>;
  using short_type = typename short_way<Isa, Products, Arguments>::type;
  using observer = observed<typename composition_type::observer_type>;
  static constexpr bool adds_up = observer::importance;

  const Arguments& a_;
  attend_sizes<Products> sizes_;
  std::size_t groups_;
  std::size_t key_heads_;
  std::size_t shared_;  ///< heads of queries that read one head of keys
  bool in_place_;
  std::size_t together_;  ///< of them, in one outer block
  std::size_t outer_;     ///< queries of an outer block

 public:
  attend_driver(const Arguments& a, const attend_shape& shape)
      : a_(a),
        sizes_(shape),
        groups_(a.plan.map().groups()),
        key_heads_(a.k.extent(1)),
        shared_(key_heads_ == 0 ? 1 : a.plan.heads() / key_heads_),
        in_place_(!copies_rows<composition_type> && shape.queries * shared_ <= sizes_.few_rows && shape.queries <= sizes_.few),
        outer_(sizes_.outer(shared_)) {
    const std::size_t blocks = (outer_ < shape.queries ? outer_ : shape.queries) / sizes_.block + 1;
    together_ = in_place_ ? sizes_.blocks : sizes_.blocks / blocks;  // in place a head is one block
    together_ = together_ == 0 ? 1 : together_ < shared_ ? together_ : shared_;
  }

  template <class Context>
  void run(Context& ctx, std::size_t worker_bytes) const {
    const std::size_t whole_groups = a_.q.extent(0) * groups_;
    if constexpr (adds_up) {  // what several groups add to one sum is added in one order
      ctx.for_each(a_.q.extent(0) * key_heads_, worker_bytes, [&](auto mine, std::size_t i) {
        [[maybe_unused]] const typename Products::session session{};
        for (std::size_t g = 0; g < groups_; ++g) {
          const state_type state = make_state(mine.scratch, i / key_heads_, i / key_heads_, g, false);
          key_head(state, i % key_heads_);
        }
      });
    } else if (ctx.backend.concurrency() == 1 || whole_groups >= 4 * ctx.backend.concurrency()) {
      ctx.for_each(whole_groups, worker_bytes, [&](auto mine, std::size_t i) {  // tokens are listed once for all heads
        group(mine.scratch, i / groups_, i / groups_, i % groups_, false);
      });
    } else {
      const std::size_t cuts = (sizes_.queries + outer_ - 1) / outer_;
      ctx.for_each(whole_groups * key_heads_ * cuts, worker_bytes, [&](auto mine, std::size_t i) {
        [[maybe_unused]] const typename Products::session session{};
        const std::size_t g = i / cuts / key_heads_;
        const state_type state = make_state(mine.scratch, g / groups_, g / groups_, g % groups_, false);
        queries(state, i / cuts % key_heads_, i % cuts * outer_);
      });
    }
  }

  void group(const arena& scratch, std::size_t batch, std::size_t view_batch, std::size_t g, bool local) const {
    [[maybe_unused]] const typename Products::session session{};
    const state_type state = make_state(scratch, batch, view_batch, g, local);
    for (std::size_t h = 0; h < key_heads_; ++h) key_head(state, h);
  }

 private:
  state_type make_state(const arena& scratch, std::size_t batch, std::size_t view_batch, std::size_t g, bool local) const {
    state_type state(scratch, a_, sizes_, batch, view_batch, g, local);
    state.in_place = in_place_;
    if constexpr (adds_up) {
      std::size_t present = 0;
      for (std::size_t i = 0; i < sizes_.queries; ++i) present += a_.plan.map().token(g, i) >= 0 ? 1 : 0;
      state.importance_weight = present == 0 ? 0.0F : 1.0F / static_cast<float>(present);
    }
    return state;
  }

  void key_head(const state_type& state, std::size_t h) const {
    for (std::size_t q = 0; q < sizes_.queries; q += outer_) queries(state, h, q);
  }

  /// An outer block of queries of the heads that read one head of keys.
  void queries(const state_type& state, std::size_t h, std::size_t first) const {
    if constexpr (short_type::possible) {
      short_type short_problem_(state, h);
      if (outer_ >= sizes_.queries && short_problem_.ready()) return short_problem_.run();
    }
    const std::size_t last = first + outer_ < sizes_.queries ? first + outer_ : sizes_.queries;
    for (std::size_t i = 0; i < shared_; i += together_) {
      const std::size_t n = shared_ - i < together_ ? shared_ - i : together_;
      attend_outer_block<Isa, Products, Arguments>(state, attend_outer{h * shared_ + i, n, h, first, last}).run();
    }
  }
};

}  // namespace detail

template <class Isa, class Executor>
struct kernel<op::attend, simd_backend<Isa, Executor>> {
  using backend_type = simd_backend<Isa, Executor>;

  static constexpr std::size_t worker_bytes(const attend_shape& s) noexcept {
    const auto bytes = [&]<class Products>(Products) {
      return detail::attend_scratch<Products>::bytes(detail::attend_sizes<Products>(s));
    };
    const std::size_t exact = bytes(detail::attend_products_f32<Isa>{});
    if (s.element_bytes == sizeof(float)) return exact;
    const std::size_t narrow = detail::attend_products<Isa, bfloat16>::bytes(bytes);
    return narrow < exact ? exact : narrow;
  }

  template <class Arguments>
  static void run(context<backend_type> ctx, const Arguments& a) {
    const attend_shape shape = detail::shape_of(a);
    choose<Arguments>([&]<class Products>(Products) {
      detail::attend_driver<Isa, Products, Arguments>(a, shape).run(ctx, worker_bytes(shape));
    });
  }

  template <class Arguments>
  static void run_group(context<backend_type> ctx, const Arguments& a, std::size_t batch, std::size_t group) {
    const attend_shape shape = detail::shape_of(a);
    choose<Arguments>([&]<class Products>(Products) {
      detail::attend_driver<Isa, Products, Arguments>(a, shape).group(ctx.scratch, batch, 0, group, true);
    });
  }

 private:
  /// Weights that are read by an observer or made by a normalizer are floats.
  template <class Arguments, class F>
  static void choose(F&& f) {
    using composition_type = typename Arguments::composition_type;
    constexpr bool exact = detail::observed<typename composition_type::observer_type>::weights ||
                           composition_type::normalizer_type::kind == normalizer_kind::whole_row;
    if constexpr (exact) {
      f(detail::attend_products_f32<Isa>{});
    } else {
      detail::attend_products<Isa, typename Arguments::value_type>::choose(static_cast<F&&>(f));
    }
  }
};

}  // namespace heddle::inline v0
