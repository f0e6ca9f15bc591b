// Attention on a device, emulated: many problems, many keys, one group alone, and what is refused before a launch.
#include <cstring>

#include "tests/kernels/cuda/attend_on_device.hpp"

using namespace heddle;
using namespace heddle::test;

TEST_CASE("attend cuda: more tiles than blocks, as where there are more than a grid can count") {
  const attend_sizes_of_call s = self_call({1, 9, 10}, 8);
  const attend_inputs<float> x(s, 1);
  const attention c{window<>{2, 3, 1, 1}, logsumexp{}};
  const auto expected = run_definition<8>(c, s, x);
  in_both_orders([&] {
    attend_results<float> r = expected;
    on_device<float> q(x.q);
    on_device<float> k(x.k);
    on_device<float> v(x.v);
    on_device<float> out(std::vector<float>(r.out.size(), 77.0F));
    on_device<float> lse(std::vector<float>(r.lse.size(), 77.0F));
    const device_workspace memory(plan_bytes(c, s.grid, s.heads));
    arena scratch = memory.scratch();
    const auto plan = plan_attention(c, s.grid, s.heads, scratch);
    const auto view = [&](const float* data) {
      return heads_of_rows<const float, 8>(data, s.batch, s.heads, s.grid.size(), s.dim);
    };
    const auto a = detail::make_arguments(detail::plan_of_kernel(plan), view(q.data()), view(k.data()), view(v.data()),
                                          heads_of_rows<float, 8>(out.data(), s.batch, s.heads, s.grid.size(), s.dim),
                                          attend_outputs(rows_of_heads(lse.data(), s, s.grid.size())));
    const auto p = detail::parameters_of(a);
    const detail::attend_stream_kernel<std::remove_const_t<decltype(p)>, 16> kernel{p, true, true};
    CHECK(kernel.items() == 40);
    device::launch({}, 3, kernel.shared_bytes, kernel);
    r.out = out.to_host();
    r.lse = lse.to_host();
    require_same_results(expected, r, 1e-5);
  });
}

TEST_CASE("attend cuda: classes of tiles are listed piece by piece") {
  attend_sizes_of_call s = self_call(sequence_grid(9), 128, 1);
  s.key_grid = sequence_grid(17'000);
  require_like_definition<128>(attention<cross_source, sliding<30, band_side::past, alignment::bottom_right>, logsumexp>{}, s,
                               2);
}

TEST_CASE("attend cuda: the same bits in every order") {
  const attend_sizes_of_call s = self_call(sequence_grid(90), 16);
  const attend_inputs<float> x(s, 3);
  const attention<causal<>, observe<logsumexp, key_importance>> rows{};
  const attention<causal<>, logsumexp> stream{};
  const auto run = [&](std::uint64_t seed, const auto& c) {
    const device::emulation::options_scope order({.seed = seed, .races = true});
    return run_on_device<dyn, float>(c, s, x);
  };
  const auto same = [](const std::vector<float>& a, const std::vector<float>& b) {
    return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
  };
  for (const std::uint64_t seed : {1U, 2U}) {
    CHECK(same(run(0, rows).importance, run(seed, rows).importance));
    CHECK(same(run(0, rows).out, run(seed, rows).out));
    CHECK(same(run(0, stream).out, run(seed, stream).out));
  }
}

TEST_CASE("attend cuda: one group on rows of its own") {
  const token_grid grid{1, 9, 10};
  constexpr std::size_t heads = 2;
  constexpr std::size_t dim = 16;
  const policy_table<float> table(normal_vector(7 * 7 * heads, 9));
  const attention c{window<>{4, 4, 1, 1}, same_region{}, relative_position_bias<>{table.data(), heads}};
  const std::size_t size = c.partition().map(grid).group_size();
  const auto projection = normal_vector(size * 3 * heads * dim, 2);
  for (const std::size_t group : {0U, 2U, 8U}) {
    std::vector<float> expected(size * heads * dim, 7.0F);
    const workspace memory(plan_bytes(c, grid, heads) + attend_group_bytes(reference{}, c, grid, dim));
    context<reference> host{{}, memory.scratch()};
    const auto plan = plan_attention(c, grid, heads, host.scratch);
    const auto x = qkv_views<dim>(projection.data(), 1, size, heads);
    attend_group(host, plan, 0, group, x.q, x.k, x.v, merged_heads<dim>(expected.data(), 1, size, heads));
    on_device<float> from(projection);
    on_device<float> out(std::vector<float>(size * heads * dim, 7.0F));
    in_both_orders([&] {
      const device_workspace scratch(plan_bytes(c, grid, heads) + attend_group_bytes(cuda<>{}, c, grid, dim));
      context<cuda<>> ctx{cuda<>{}, scratch.scratch()};
      const auto there = plan_attention(c, grid, heads, ctx.scratch);
      const auto y = qkv_views<dim>(static_cast<const float*>(from.data()), 1, size, heads);
      attend_group(ctx, there, 0, group, y.q, y.k, y.v, merged_heads<dim>(out.data(), 1, size, heads));
      CHECK(worst(expected, out.to_host()).relative() < 1e-5);
    });
  }
}

#if HEDDLE_HAS_EXCEPTIONS
TEST_CASE("attend cuda: memory of the host is refused") {
  std::vector<float> host(3 * 4 * 2 * 8);
  on_device<float> there(host);
  const auto views = [&](float* p) { return qkv_views<8>(static_cast<const float*>(p), 1, 4, 2); };
  const attention<> c{};
  const device_workspace memory(plan_bytes(c, sequence_grid(4), 2) + attend_bytes(cuda<>{}, c, sequence_grid(4), 8));
  const context<cuda<>> ctx{cuda<>{}, memory.scratch()};
  const auto x = views(there.data());
  std::vector<float> out(4 * 2 * 8);
  CHECK_THROWS_AS(attend(ctx, c, views(host.data()).q, x.k, x.v, merged_heads<8>(there.data(), 1, 4, 2), sequence_grid(4)),
                  error);
  CHECK_THROWS_AS(attend(ctx, c, x.q, x.k, x.v, merged_heads<8>(out.data(), 1, 4, 2), sequence_grid(4)), device_error);
}

TEST_CASE("attend cuda: a plan whose biases the host holds is refused") {
  const auto table = normal_vector(3 * 3 * 2, 1);
  const attention c{window<2>{}, relative_position_bias<2>{table.data(), 2}};
  const workspace host(plan_bytes(c, {1, 2, 2}, 2));
  arena memory = host.scratch();
  const auto plan = plan_attention(c, {1, 2, 2}, 2, memory);
  on_device<float> projection(std::vector<float>(4 * 3 * 2 * 8));
  on_device<float> out(std::vector<float>(4 * 2 * 8));
  const auto x = qkv_views<8>(static_cast<const float*>(projection.data()), 1, 4, 2);
  CHECK_THROWS_AS(attend(context<cuda<>>{}, plan, x.q, x.k, x.v, merged_heads<8>(out.data(), 1, 4, 2)), shape_error);
}
#endif
