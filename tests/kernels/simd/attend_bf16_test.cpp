// Attention on stored bfloat16: the products that this machine chooses, and the others by force, against the definition
// fed with the same numbers.
#include <heddle/simd/attend.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "heddle/attention/attention.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/random.hpp"

namespace {

using namespace heddle;
using native = isa::native;

/// Runs with one kind of products, whatever the machine has.
template <class Products>
struct forced : serial {
  using serial_type = forced;
  static constexpr forced as_serial() noexcept { return {}; }
};

}  // namespace

template <class Products>
struct heddle::kernel<heddle::op::attend, forced<Products>> {
  static constexpr std::size_t worker_bytes(const attend_shape& s) noexcept {
    return detail::attend_scratch<Products>::bytes(detail::attend_sizes<Products>(s));
  }
  template <class Arguments>
  static void run(context<forced<Products>> ctx, const Arguments& a) {
    const attend_shape shape = detail::shape_of(a);
    detail::attend_driver<native, Products, Arguments>(a, shape).run(ctx, worker_bytes(shape));
  }
};

namespace {

struct bf16_case {
  std::size_t batch;
  std::size_t heads;
  std::size_t dim;
  token_grid grid;
  std::vector<bfloat16> projection;

  bf16_case(std::size_t batch_, std::size_t heads_, std::size_t dim_, token_grid grid_, std::uint64_t seed)
      : batch(batch_), heads(heads_), dim(dim_), grid(grid_), projection(batch * grid.size() * 3 * heads * dim) {
    const auto x = test::normal_vector(projection.size(), seed);
    for (std::size_t i = 0; i < x.size(); ++i) projection[i] = bfloat16(x[i]);
  }
  bfloat16& at(std::size_t part, std::size_t b, std::size_t token, std::size_t head, std::size_t d) {
    return projection[(((b * grid.size() + token) * 3 + part) * heads + head) * dim + d];
  }

  double largest_value() const {
    double largest = 0.0;
    for (std::size_t i = 0; i < projection.size(); ++i)
      if (i / (heads * dim) % 3 == 2)
        largest = std::max(largest, static_cast<double>(std::abs(static_cast<float>(projection[i]))));
    return largest;
  }

  template <class Out, class Backend, std::size_t D, class Composition>
  std::vector<Out> run(const Composition& c, std::vector<float>& lse, const Backend& backend = {}) const {
    std::vector<Out> out(batch * grid.size() * heads * dim, Out(77.0F));
    lse.assign(batch * heads * grid.size(), 0.0F);
    const workspace memory(plan_bytes(c, grid, heads) + attend_bytes<bfloat16>(backend, c, grid, dim));
    const auto x = qkv_views<D>(projection.data(), batch, grid.size(), heads, qkv_order::qkv_heads, dim);
    attend_outputs outputs;
    if constexpr (Composition::observer_type::returns_logsumexp)
      outputs.logsumexp = head_rows<float>(lse.data(), extents<dyn, dyn, dyn>(batch, heads, grid.size()),
                                           {heads * grid.size(), grid.size(), std::size_t{1}});
    attend(context<Backend>{backend, memory.scratch()}, c, x.q, x.k, x.v,
           merged_heads<D>(out.data(), batch, grid.size(), heads, dim), grid, outputs);
    return out;
  }
};

/// Weights are rounded to 8 bits, each by 2^-9 of itself at most, and they add up to one: an output is off by 2^-9 of the largest
/// value at most, on average by far less. Results of bfloat16 are rounded once more, by 2^-8 of the largest output at most.
template <class Out>
void compare(const char* name, const bf16_case& x, const std::vector<float>& expected, const std::vector<Out>& actual) {
  double largest = 0.0;
  double worst = 0.0;
  double squares = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto e = static_cast<double>(expected[i]);
    const double d = std::abs(e - static_cast<double>(static_cast<float>(actual[i])));
    largest = std::max(largest, std::abs(e));
    worst = d <= worst ? worst : d;
    squares += d * d;
  }
  const double scale = x.largest_value();
  const double root = std::sqrt(squares / static_cast<double>(expected.size()));
  INFO(name << ": " << worst << ' ' << root << " of " << scale << ", " << largest);
  const double rounding = std::is_same_v<Out, bfloat16> ? largest / 256.0 : 0.0;
  CHECK(worst <= scale / 512.0 + rounding);
  CHECK(root <= scale / 4096.0 + rounding / 2.0);
}

/// `Rounded`: also with results of bfloat16.
template <std::size_t D, bool Rounded = false, class Composition>
void check(const Composition& c, const bf16_case& x) {
  std::vector<float> lse;
  std::vector<float> expected_lse;
  const auto expected = x.run<float, reference, D>(c, expected_lse);
  INFO("tokens " << x.grid.size() << ", head_dim " << x.dim);
  compare("chosen", x, expected, x.run<float, simd, D>(c, lse));
  CHECK(test::worst(expected_lse, lse).relative() < 1e-3);
  if constexpr (Rounded) compare("chosen, rounded", x, expected, x.run<bfloat16, simd, D>(c, lse));
#if defined(__AVX512F__)
  if constexpr (isa::includes<native, isa::avx512>) {
    compare("dots", x, expected, x.run<float, forced<detail::attend_products_bf16<native>>, D>(c, lse));
    compare("emulated tiles", x, expected,
            x.run<float, forced<detail::attend_products_tiles<native, detail::emulated_tiles, detail::no_session>>, D>(c, lse));
  }
#endif
}

}  // namespace

TEST_CASE("bf16: every number of tokens around tiles", "[attend]") {
  for (std::size_t n = 1; n <= 70; n += n < 10 || n > 60 ? 1 : 3)
    check<dyn, true>(attention<logsumexp>{}, bf16_case(1, 2, 12, sequence_grid(n), n));
}

TEST_CASE("bf16: head_dim around tiles", "[attend]") {
  for (const std::size_t dim : {1U, 2U, 15U, 16U, 17U, 31U, 32U, 33U, 48U, 64U, 80U})
    check<dyn, true>(attention<logsumexp>{}, bf16_case(1, 1, dim, sequence_grid(43), dim));
  check<64>(attention<>{}, bf16_case(2, 1, 64, sequence_grid(98), 3));
}

TEST_CASE("bf16: keys in chunks", "[attend]") {
  check<dyn, true>(attention<logsumexp>{}, bf16_case(1, 1, 32, sequence_grid(900), 4));
  check<dyn>(attention<causal<>, logsumexp>{}, bf16_case(1, 1, 32, sequence_grid(800), 5));
}

TEST_CASE("bf16: masks and biases", "[attend]") {
  check<dyn>(attention<causal<>, logsumexp>{}, bf16_case(1, 2, 16, sequence_grid(131), 6));
  const std::vector<float> table = test::normal_vector(13 * 13 * 2, 8);
  relative_position_bias<7> bias{};
  bias.table = table.data();
  bias.heads = 2;
  check<32>(attention{window<7>{}, bias}, bf16_case(1, 2, 32, token_grid{1, 14, 21}, 9));
  check<32>(attention{window<7>{}, bias}, bf16_case(1, 2, 32, token_grid{1, 13, 18}, 11));  // padded
  check<32>(attention{window<7>{.shift_y = 3, .shift_x = 3}, same_region{}, bias},
            bf16_case(2, 2, 32, token_grid{1, 14, 21}, 10));
}

TEST_CASE("bf16: short groups, with and without a key behind whole tiles", "[attend]") {
  for (const std::size_t n : {9U, 15U, 16U, 17U, 30U, 32U, 33U, 40U, 48U, 49U, 50U, 64U, 65U}) {
    check<12>(attention<logsumexp>{}, bf16_case(1, 2, 12, sequence_grid(n), n));
    check<32>(attention<causal<>, logsumexp>{}, bf16_case(2, 1, 32, sequence_grid(n), n));
  }
}

TEST_CASE("bf16: a query of a short group that sees nothing gives zeros", "[attend]") {
  bf16_case x(1, 1, 16, sequence_grid(49), 14);
  std::vector<float> lse;
  const auto later = visible_if{[](auto query, auto key) { return key > query; }};
  const auto out = x.run<float, simd, 16>(attention{later, logsumexp{}}, lse);
  for (std::size_t d = 0; d < 16; ++d) CHECK(out[48 * 16 + d] == 0.0F);
  CHECK(lse[48] == -std::numeric_limits<float>::infinity());
  for (std::size_t d = 0; d < 16; ++d) CHECK(std::abs(out[47 * 16 + d] - static_cast<float>(x.at(2, 0, 48, 0, d))) < 1e-3F);
}

TEST_CASE("bf16: a value that is not finite stays behind its mask", "[attend]") {
  for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    bf16_case x(1, 1, 16, sequence_grid(90), 12);
    x.at(2, 0, 70, 0, 3) = bfloat16(bad);
    std::vector<float> lse;
    const auto out = x.run<float, simd, dyn>(attention<causal<>, logsumexp>{}, lse);
    for (std::size_t t = 0; t < 90; ++t)
      for (std::size_t d = 0; d < 16; ++d) CHECK(std::isfinite(out[t * 16 + d]) == !(t >= 70 && d == 3));
    bf16_case small(1, 1, 32, sequence_grid(49), 15);
    small.at(2, 0, 40, 0, 3) = bfloat16(bad);
    small.at(1, 0, 40, 0, 5) = bfloat16(bad);
    const auto few = small.run<float, simd, 32>(attention<causal<>, logsumexp>{}, lse);
    for (std::size_t t = 0; t < 40; ++t)
      for (std::size_t d = 0; d < 32; ++d) CHECK(std::isfinite(few[t * 32 + d]));
  }
}
