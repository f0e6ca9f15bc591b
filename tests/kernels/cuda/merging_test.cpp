// Token merging where the device has its memory, emulated: plans exactly as defined, tokens, sizes and sources after several
// layers, rounds and pooling.
#include <heddle/cuda/bipartite.cuh>
#include <heddle/cuda/each.cuh>
#include <heddle/cuda/gather.cuh>
#include <heddle/cuda/map.cuh>
#include <heddle/cuda/top_k.cuh>

#include <array>

#include <heddle/reference/bipartite.hpp>
#include <heddle/reference/gather.hpp>
#include <heddle/reference/map.hpp>
#include <heddle/reference/top_k.hpp>

#include "heddle/token/merging.hpp"
#include "heddle/token/pooling.hpp"
#include "heddle/token/rounds.hpp"
#include "heddle/token/state.hpp"
#include "on_device.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;
using list = std::vector<std::int32_t>;

constexpr std::size_t batch = 2, tokens = 21, channels = 12;

template <class Match, class Combine>
void check(const Match& match, const Match& on_device_match, Combine) {
  const merging<Match, Combine> merge{match}, there{on_device_match};
  const std::vector<float> x = test::normal_vector(batch * tokens * channels, 5);
  std::vector<float> sizes = test::normal_vector(batch * tokens, 6);
  for (float& s : sizes) s = s * s + 1.0F;
  const std::size_t left = merge.remaining(tokens);
  std::vector<float> y(batch * left * channels), after(batch * left), restored(x.size());

  const std::size_t bytes = merge.plan_scratch_bytes(reference{}, tokens, channels) + merge.apply_scratch_bytes(tokens);
  const workspace scratch(bytes), maps(source_map_bytes(batch, tokens));
  arena kept = maps.scratch();
  const context<reference> plain{{}, scratch.scratch()};
  const auto rows = [](const float* p, std::size_t n) { return make_matrix(p, n, channels); };
  const source_map map = merge.plan(plain, metric_rows{rows(x.data(), batch * tokens)}, batch, kept);
  merge.apply(plain, map, rows(x.data(), batch * tokens), make_matrix(y.data(), batch * left, channels),
              {sizes.data(), after.data()});
  merge.invert(plain, map, rows(y.data(), batch * left), make_matrix(restored.data(), batch * tokens, channels));

  const test::device_scratch on_scratch(there.plan_scratch_bytes(cuda<>{}, tokens, channels) +
                                        there.apply_scratch_bytes(tokens));
  const device_workspace on_maps(source_map_bytes(batch, tokens));
  arena on_kept = on_maps.scratch();
  const auto ctx = on_scratch.ctx();
  test::on_device<float> a(x), b(std::vector<float>(y.size(), -7.0F)), before(sizes), now(after), back(restored);
  const source_map on_map = there.plan(ctx, metric_rows{rows(a.data(), batch * tokens)}, batch, on_kept);
  list positions(batch * tokens);
  device::copy_to_host<std::int32_t>({}, positions.data(), on_map.positions, positions.size());
  CHECK(positions == list(map.positions, map.positions + batch * tokens));
  there.apply(ctx, on_map, rows(a.data(), batch * tokens), make_matrix(b.data(), batch * left, channels),
              {before.data(), now.data()});
  CHECK(test::worst(y, b.to_host()).relative() < 1e-6);
  CHECK(after == now.to_host());
  there.invert(ctx, on_map, rows(b.data(), batch * left), make_matrix(back.data(), batch * tokens, channels));
  CHECK(test::worst(restored, back.to_host()).relative() < 1e-6);
}

template <class Match>
void check(const Match& match) {
  check(match, match, size_weighted_mean{});
}

}  // namespace

TEST_CASE("tokens merged by a device", "[merging]") {
  device::emulation::report_scope reports;
  check(bipartite<>{5});
  check(bipartite<>{0});
  check(bipartite<>{100});
  check(bipartite<dyn, protected_tokens::class_token>{6});
  check(bipartite<4, protected_tokens::class_and_distillation>{});
  check(every_kth<>{3});
  check(every_kth<>{1});
  const list order{7, 3, 20, 1, 0, 2, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19};
  test::on_device<std::int32_t> on_order(order);
  check(random_split{order, 4}, random_split{on_order.span(), 4}, token_mean{});
  check(bipartite<>{7}, bipartite<>{7}, token_maximum{});
  INFO(reports.text());
  CHECK(reports.empty());
}

TEST_CASE("rounds of merging, states and pooling on a device", "[merging]") {
  const std::vector<float> x = test::normal_vector(2 * tokens * channels, 8);
  const std::array<std::size_t, 2> rounds{7, 4};
  const hierarchical_merging merge{rounds, 2};
  const std::size_t left = merge.remaining(tokens);
  const auto run = [&](auto ctx, const float* from, float* y, float* sizes, std::int32_t* origin, float* pooled) {
    source_map map{origin, 2, tokens, left};
    merge.run(ctx, make_matrix(from, 2 * tokens, channels), 2, make_matrix(y, 2 * left, channels), sizes, &map);
    const matrix_view<const float> rows = make_matrix<const float>(y, 2 * left, channels);
    pooling<pool::sizes, 1>{}.apply(ctx, rows, make_matrix(pooled, 2, channels), sizes);
    pooling<pool::first>{}.apply(ctx, rows, make_matrix(pooled + 2 * channels, 2, channels));
    pooling<pool::maximum>{}.apply(ctx, rows, make_matrix(pooled + 4 * channels, 2, channels));
  };
  std::vector<float> y(2 * left * channels), sizes(2 * left), pooled(6 * channels);
  list origin(2 * tokens);
  const workspace scratch(merge.bytes(reference{}, tokens, channels));
  run(context<reference>{{}, scratch.scratch()}, x.data(), y.data(), sizes.data(), origin.data(), pooled.data());
  const test::device_scratch on_scratch(merge.bytes(cuda<>{}, tokens, channels));
  test::on_device<float> a(x), b(y), s(sizes), p(std::vector<float>(pooled.size()));
  test::on_device<std::int32_t> o(list(origin.size()));
  run(on_scratch.ctx(), a.data(), b.data(), s.data(), o.data(), p.data());
  CHECK(test::worst(y, b.to_host()).relative() < 1e-6);
  CHECK(sizes == s.to_host());
  CHECK(origin == o.to_host());
  CHECK(test::worst(pooled, p.to_host()).relative() < 1e-6);
}
