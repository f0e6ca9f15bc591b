// Token operations whose numbers stay on the device, emulated, against the definition: sampling, thresholds, windows, masks, and the ways back.
#include <heddle/cuda/bipartite.cuh>
#include <heddle/cuda/each.cuh>
#include <heddle/cuda/gather.cuh>
#include <heddle/cuda/inverse_cdf.cuh>
#include <heddle/cuda/map.cuh>
#include <heddle/cuda/top_k.cuh>

#include <heddle/reference/bipartite.hpp>
#include <heddle/reference/gather.hpp>
#include <heddle/reference/inverse_cdf.hpp>
#include <heddle/reference/map.hpp>
#include <heddle/reference/top_k.hpp>

#include "heddle/attention/partition/window.hpp"
#include "heddle/token/dropout.hpp"
#include "heddle/token/masking.hpp"
#include "heddle/token/merging.hpp"
#include "heddle/token/sampling.hpp"
#include "heddle/token/splice.hpp"
#include "heddle/token/windowed.hpp"
#include "on_device.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;
using list = std::vector<std::int32_t>;

/// Runs `f(context, where)` on both: `where(values)` puts values there, `where.take(data, count)` takes results. Returns what came out.
struct on_host_memory {
  std::vector<std::vector<std::int32_t>> lists{};
  std::vector<std::vector<float>> floats{};
  const float* operator()(const std::vector<float>& x) { return floats.emplace_back(x).data(); }
  std::int32_t* operator()(const list& x) { return lists.emplace_back(x).data(); }
  template <class T>
  std::vector<T> take(const T* data, std::size_t n) const {
    return {data, data + n};
  }
  on_host_memory() { lists.reserve(16), floats.reserve(16); }
};
struct on_device_memory {
  std::vector<test::on_device<std::int32_t>> lists{};
  std::vector<test::on_device<float>> floats{};
  const float* operator()(const std::vector<float>& x) { return floats.emplace_back(x).data(); }
  std::int32_t* operator()(const list& x) { return lists.emplace_back(x).data(); }
  template <class T>
  std::vector<T> take(const T* data, std::size_t n) const {
    std::vector<T> x(n);
    device::copy_to_host<T>({}, x.data(), data, n);
    return x;
  }
};

template <class F>
void require_same(std::size_t bytes, std::size_t device_bytes, const F& f) {
  const workspace memory(bytes);
  on_host_memory here;
  const auto expected = f(context<reference>{{}, memory.scratch()}, here);
  test::in_both_orders([&] {
    const test::device_scratch scratch(device_bytes);
    on_device_memory there;
    CHECK(f(scratch.ctx(), there) == expected);
  });
}

constexpr std::size_t batch = 3, places = 40, heads = 2, dim = 4;

/// Positive weights and values of a batch, such that no rounding decides.
template <class Where>
token_evidence evidence(Where& where) {
  std::vector<float> row = test::normal_vector(batch * heads * places, 1);
  for (float& x : row) x = x * x + 0.01F;
  token_evidence e;
  e.class_row = head_rows<const float>(where(row), extents<dyn, dyn, dyn>(batch, heads, places), {heads * places, places, 1});
  e.values = merged_heads<dyn>(where(test::normal_vector(batch * places * heads * dim, 2)), batch, places, heads, dim);
  e.importance = e.class_row;
  e.rows = make_matrix(where(test::normal_vector(batch * places * dim, 3)), batch * places, dim);
  return e;
}

}  // namespace

TEST_CASE("tokens cuda: a padded batch is sampled, and nobody waits", "[tokens]") {
  for (const bool padded : {false, true}) {
    const sampling<class_attention_times_value_norm, inverse_transform> sampler{{}, {.points = 25, .from_zero = padded}};
    const std::size_t most = sampler.limit(places, 1);
    require_same(sampler.bytes_of_all(reference{}, batch, places, 1), sampler.bytes_of_all(cuda<>{}, batch, places, 1),
                 [&](auto ctx, auto& where) {
                   std::int32_t* const lengths = where(list{40, 17, 1});
                   std::int32_t* const kept = where(list(batch * most, 7));
                   std::int32_t* const counts = where(list(batch, 7));
                   std::int32_t* const rows = where(list(batch * most, 7));
                   sampler.plan_all(ctx, evidence(where), {{lengths, batch}, places}, 1, make_matrix(kept, batch, most),
                                    {counts, batch}, lowest_score::of_shorter_sequences);
                   rows_of_kept(ctx, make_matrix<const std::int32_t>(kept, batch, most), places, {rows, batch * most});
                   list all = where.take(rows, batch * most);
                   const list numbers = where.take(counts, batch);
                   CHECK(numbers[2] == 1);
                   CHECK(all[2 * most] == static_cast<std::int32_t>(2 * places));
                   all.insert(all.end(), numbers.begin(), numbers.end());
                   return all;
                 });
  }
}

TEST_CASE("tokens cuda: thresholds leave their numbers on the device", "[tokens]") {
  const auto check = [](const auto& drop) {
    require_same(drop.bytes_of_all(reference{}, batch, places), drop.bytes_of_all(cuda<>{}, batch, places),
                 [&](auto ctx, auto& where) {
                   const std::size_t most = drop.limit(places, 2);
                   std::int32_t* const kept = where(list(batch * most, 7));
                   std::int32_t* const counts = where(list(batch, 7));
                   drop.plan_all(ctx, evidence(where), batch, places, 2, make_matrix(kept, batch, most), {counts, batch});
                   list all = where.take(kept, batch * most);
                   const list numbers = where.take(counts, batch);
                   all.insert(all.end(), numbers.begin(), numbers.end());
                   return all;
                 });
  };
  check(dropout<class_attention, keep_above>{{}, {0.8F, 3}});
  check(dropout<mean_attention, keep_above, top_k_order::by_position>{{}, {0.8F, 3}});
  check(dropout<class_attention, keep_above>{{}, {0.0F, 0}});
  check(dropout<class_attention_times_value_norm, keep_top>{{}, {11}});
  check(dropout<token_norm, keep_above>{{}, {2.0F, 0}});
}

TEST_CASE("tokens cuda: the plans of a batch are those of its sequences", "[tokens]") {
  const dropout<class_attention, keep_above> drop{{}, {0.8F, 3}};
  on_host_memory where;
  const workspace memory(drop.bytes_of_all(reference{}, batch, places));
  const context<reference> ctx{{}, memory.scratch()};
  list kept(batch * places), counts(batch);
  drop.plan_all(ctx, evidence(where), batch, places, 2, make_matrix(kept.data(), batch, places), counts);
  for (std::size_t b = 0; b < batch; ++b) {
    list own(places);
    own.resize(drop.plan(ctx, evidence(where), b, places, 2, own));
    CHECK(own == list(kept.begin() + static_cast<std::ptrdiff_t>(b * places),
                      kept.begin() + static_cast<std::ptrdiff_t>(b * places) + counts[b]));
  }
}

TEST_CASE("tokens cuda: merging in windows, with padding", "[tokens]") {
  using in_windows = merging<windowed<window<>, bipartite<>>>;
  const in_windows merge{
      {.grid = {.frames = 1, .height = 5, .width = 7}, .prefix = 1, .match_policy = {3}, .partition = {4, 4}}};
  const std::size_t tokens = 36;
  require_same(merge.plan_scratch_bytes(reference{}, tokens, 6) + source_map_bytes(2, tokens),
               merge.plan_scratch_bytes(cuda<>{}, tokens, 6) + source_map_bytes(2, tokens), [&](auto ctx, auto& where) {
                 arena maps = ctx.scratch.split(source_map_bytes(2, tokens));
                 const auto x = make_matrix(where(test::normal_vector(2 * tokens * 6, 3)), 2 * tokens, 6);
                 const source_map map = merge.plan(ctx, metric_rows{x}, 2, maps);
                 return where.take(static_cast<const std::int32_t*>(map.positions), 2 * tokens);
               });
}

TEST_CASE("tokens cuda: masks are drawn where they are used", "[tokens]") {
  const token_grid grid{.frames = 2, .height = 4, .width = 6};
  const auto check = [&](auto pattern) {
    using operation = masking<decltype(pattern)>;
    mask_random random{5};
    std::vector<list> expected;
    for (int i = 0; i < 2; ++i) {
      const workspace memory(operation::plan_bytes(grid));
      arena plans = memory.scratch();
      const mask_plan p = operation::plan(random, grid, plans);
      expected.emplace_back(p.visible.begin(), p.visible.end());
      expected.back().insert(expected.back().end(), p.hidden.begin(), p.hidden.end());
      expected.back().insert(expected.back().end(), p.mask.begin(), p.mask.end());
    }
    test::in_both_orders([&] {
      test::on_device<mask_random> state({mask_random{5}});  // goes on from plan to plan
      for (int i = 0; i < 2; ++i) {
        const test::device_scratch scratch(operation::plan_bytes(grid));
        auto ctx = scratch.ctx();
        const mask_plan p = operation::plan(ctx, state.data(), grid, ctx.scratch);
        on_device_memory there;
        list got = there.take<std::int32_t>(p.visible.data(), p.visible.size());
        const list hidden = there.take<std::int32_t>(p.hidden.data(), p.hidden.size());
        got.insert(got.end(), hidden.begin(), hidden.end());
        for (const std::uint8_t m : there.take<std::uint8_t>(p.mask.data(), p.mask.size())) got.push_back(m);
        CHECK(got == expected[static_cast<std::size_t>(i)]);
      }
    });
  };
  check(random_pattern<ratio{1, 3}>{});
  check(square_pattern<ratio{3, 5}, 2>{});
  check(tube_pattern<ratio{9, 10}>{});
  check(running_cell_pattern<ratio{1, 2}>{});
}

TEST_CASE("tokens cuda: what depends on scores is captured, and a mask is drawn at every launch", "[tokens]") {
  const sampling<class_attention_times_value_norm, inverse_transform> sampler{{}, {.points = 10, .from_zero = false}};
  using operation = masking<random_pattern<ratio{1, 2}>>;
  const token_grid grid{.frames = 1, .height = 6, .width = 8};
  const device::owned_stream stream;
  const test::device_scratch scratch(sampler.bytes_of_all(cuda<>{}, batch, places, 1)), plans(operation::plan_bytes(grid));
  const context<cuda<>> ctx{cuda<>{stream}, scratch.ctx().scratch};
  on_device_memory there;
  const token_evidence e = evidence(there);
  std::int32_t* const lengths = there(list{40, 17, 1});
  std::int32_t* const kept = there(list(batch * 11));
  std::int32_t* const counts = there(list(batch));
  test::on_device<mask_random> state({mask_random{3}});
  std::span<std::int32_t> hidden;
  const device::graph graph = device::capture(stream, [&] {
    sampler.plan_all(ctx, e, {{lengths, batch}, places}, 1, make_matrix(kept, batch, 11), {counts, batch});
    arena memory = plans.ctx().scratch;
    hidden = operation::plan(ctx, state.data(), grid, memory).hidden;
  });
  graph.launch(stream);
  const list once = there.take<std::int32_t>(kept, batch * 11), mask = there.take<std::int32_t>(hidden.data(), hidden.size());
  graph.launch(stream);
  CHECK(there.take<std::int32_t>(kept, batch * 11) == once);
  CHECK(there.take<std::int32_t>(counts, batch)[2] == 1);
  CHECK(there.take<std::int32_t>(hidden.data(), hidden.size()) != mask);
}

TEST_CASE("tokens cuda: ways back", "[tokens]") {
  require_same(0, 0, [](auto ctx, auto& where) {
    source_map map{where(list(8, 9)), 1, 8, 4};
    std::int32_t* const kept = where(list{5, 2, -1, 5});
    std::int32_t* const inserted = where(list(8, 9));
    set_kept(ctx, map, 0, {kept, 4});
    source_map after{inserted, 2, 4, 0};
    token_segment{.at = 1, .tokens = 3}.set_inserted(ctx, after);
    CHECK(after.after == 7);
    list all = where.take(static_cast<const std::int32_t*>(map.positions), 8);
    const list more = where.take(static_cast<const std::int32_t*>(inserted), 8);
    all.insert(all.end(), more.begin(), more.end());
    auto* const members = const_cast<float*>(where(std::vector<float>(4 * 8, 7.0F)));
    membership(ctx, map, view<float, dynamic_extents<3>>(members, dynamic_extents<3>(1, 4, 8)));
    for (const float m : where.take(static_cast<const float*>(members), 32)) all.push_back(static_cast<std::int32_t>(m));
    return all;
  });
  require_same(0, 0, [](auto ctx, auto& where) {
    const auto x = make_matrix(const_cast<float*>(where(test::normal_vector(3 * 5, 4))), 3, 5);
    const test::on_device<std::uint8_t> mask({0, 1, 0});
    const std::uint8_t here[] = {0, 1, 0};
    constexpr bool device = std::is_same_v<std::decay_t<decltype(ctx)>, context<cuda<>>>;
    substitute_rows(ctx, {device ? mask.data() : here, 3}, {where(std::vector<float>{1, 2, 3, 4, 5}), 5}, x);
    return where.take(static_cast<const float*>(x.data_handle()), 15);
  });
}
