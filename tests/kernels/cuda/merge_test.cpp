// Results over disjoint keys merged by the device, emulated: strides, nothing seen, in place.
#include <heddle/cuda/merge.cuh>

#include <limits>

#include "heddle/backend/reference.hpp"
#include "on_device.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;

struct problem {
  std::size_t batch, heads, tokens, dims;
  std::vector<float> a, b, la, lb;

  problem(std::size_t n, std::size_t h, std::size_t t, std::size_t d)
      : batch(n),
        heads(h),
        tokens(t),
        dims(d),
        a(test::normal_vector(n * h * t * d, 1)),
        b(test::normal_vector(n * h * t * d, 2)),
        la(test::normal_vector(n * h * t, 3, 4.0)),
        lb(test::normal_vector(n * h * t, 4, 4.0)) {
    constexpr float nothing = -std::numeric_limits<float>::infinity();
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    for (std::size_t i = 0; i < la.size(); ++i) {
      la[i] += 500.0F;  // large logarithms that lie close together
      lb[i] += 500.0F;
    }
    la[0] = nothing;
    lb[0] = nothing;
    if (la.size() < 4) return;
    la[1] = nothing;
    a[rows_begin(1)] = nan;  // without weight it is not read
    lb[2] = nothing;
  }

  /// Rows `[batch, tokens, heads, dims]`, as attention leaves them.
  std::size_t rows_begin(std::size_t row) const {
    const std::size_t i = row / (heads * tokens), h = row / tokens % heads, t = row % tokens;
    return ((i * tokens + t) * heads + h) * dims;
  }
  head_view<float> outputs(float* p) const { return merged_heads(p, batch, tokens, heads, dims); }
  head_rows<float> logsumexps(float* p) const {
    return {p, dynamic_extents<3>(batch, heads, tokens), {heads * tokens, tokens, 1}};
  }

  template <class Context>
  void run(const Context& ctx, float* x, float* lx, float* y, float* ly, float* out, float* lse) const {
    merge_attention(ctx, head_view<const float>(outputs(x)), head_rows<const float>(logsumexps(lx)),
                    head_view<const float>(outputs(y)), head_rows<const float>(logsumexps(ly)), outputs(out), logsumexps(lse));
  }
};

}  // namespace

TEST_CASE("results over disjoint keys are merged by a device", "[merge]") {
  for (const problem& p : {problem(1, 1, 1, 4), problem(2, 3, 7, 32), problem(1, 2, 11, 7), problem(1, 2, 5, 160)}) {
    std::vector<float> out(p.a.size()), lse(p.la.size());
    auto a = p.a, b = p.b, la = p.la, lb = p.lb;
    p.run(context<reference>{}, a.data(), la.data(), b.data(), lb.data(), out.data(), lse.data());
    INFO(p.tokens << " tokens of " << p.dims);
    test::in_both_orders([&] {
      const test::device_scratch none;
      test::on_device<float> x(p.a), y(p.b), lx(p.la), ly(p.lb), to(out), to_lse(lse);
      p.run(none.ctx(), x.data(), lx.data(), y.data(), ly.data(), to.data(), to_lse.data());
      CHECK(test::worst(out, to.to_host()).relative() < 1e-5);
      CHECK(test::worst(lse, to_lse.to_host()).relative() < 1e-6);
      p.run(none.ctx(), x.data(), lx.data(), y.data(), ly.data(), y.data(), ly.data());  // into b
      CHECK(test::worst(out, y.to_host()).relative() < 1e-5);
      CHECK(test::worst(lse, ly.to_host()).relative() < 1e-6);
    });
  }
}
