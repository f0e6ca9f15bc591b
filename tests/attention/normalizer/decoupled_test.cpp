#include <heddle/reference/attend.hpp>

#include <cmath>
#include <limits>

#include "attention/attend_case.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

using namespace heddle;
using test::attend_case;

namespace {
constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr position_range prompts{9, 3};  // behind nine instances

/// Joint attention whose scores of prompt keys are raised: what odds must equal.
struct raised {
  using policy_category = score_mod_tag;
  float instances = 0.0F;
  float prompt = 0.0F;
  template <class T>
  T operator()(T score, std::size_t, T q, T k) const {
    using math::select;
    const T border = batch_traits<T>::broadcast(9.0F);
    const T beta = select(q < border, batch_traits<T>::broadcast(instances), batch_traits<T>::broadcast(prompt));
    return score + select(k < border, batch_traits<T>::broadcast(0.0F), beta);
  }
};

double difference(const attend_case& expected, const attend_case& got) { return test::worst(expected.out, got.out).relative(); }

/// The same tokens with the three prompts first.
attend_case prompts_first(const attend_case& a) {
  attend_case b = a;
  const std::size_t row = 3 * a.heads * a.dim;
  for (std::size_t i = 0; i < 12; ++i)
    for (std::size_t c = 0; c < row; ++c) b.projection[(i + 3) % 12 * row + c] = a.projection[i * row + c];
  return b;
}
}  // namespace

TEST_CASE("exact shares are ordinary attention, in one part and in two") {
  attend_case joint(2, 2, 4, sequence_grid(12), 1);
  attend_case a = joint;
  joint.run<reference>(attention<logsumexp>{});
  STATIC_REQUIRE(decoupled<>::parts == 1);
  a.run<reference>(attention{decoupled<>{prompts}, logsumexp{}});
  CHECK(difference(joint, a) < 1e-6);
  STATIC_REQUIRE(decoupled<share::odds, share::odds>::parts == 2);
  a.run<reference>(attention{decoupled<share::odds, share::odds>{prompts}, logsumexp{}});
  CHECK(difference(joint, a) < 1e-6);
  CHECK(test::worst(joint.lse, a.lse).relative() < 1e-6);
}

TEST_CASE("odds multiply the mass of the prompts") {
  attend_case joint(1, 2, 4, sequence_grid(12), 2);
  attend_case a = joint;
  joint.run<reference>(attention{raised{1.25F, -0.75F}});
  a.run<reference>(attention{decoupled<share::odds, share::odds>{prompts, {1.25F}, {-0.75F}}});
  CHECK(difference(joint, a) < 1e-6);
}

TEST_CASE("a part that is dropped is as if it were not there") {
  attend_case alone(1, 2, 4, sequence_grid(12), 3);
  attend_case a = alone;
  alone.run<reference>(attention{visible_if{[](std::size_t, std::size_t k) { return k < 9; }}});
  a.run<reference>(attention{decoupled<share::drop_prompts, share::drop_prompts>{prompts}});
  CHECK(alone.out == a.out);
  alone.run<reference>(attention{visible_if{[](std::size_t q, std::size_t k) { return q < 9 || k >= 9; }}});
  a.run<reference>(attention{decoupled<share::exact, share::drop_instances>{prompts}});
  CHECK(alone.out == a.out);
}

TEST_CASE("fixed shares mix what is normalised apart") {
  attend_case instances(1, 2, 4, sequence_grid(12), 4);
  attend_case prompt = instances;
  attend_case a = instances;
  instances.run<reference>(attention{visible_if{[](std::size_t, std::size_t k) { return k < 9; }}});
  prompt.run<reference>(attention{visible_if{[](std::size_t, std::size_t k) { return k >= 9; }}});
  const auto expect = [&](auto share_of) {
    for (std::size_t t = 0; t < 12; ++t)
      for (std::size_t h = 0; h < 2; ++h)
        for (std::size_t d = 0; d < 4; ++d) {
          const std::size_t i = (t * 2 + h) * 4 + d;
          const double s = share_of(t, h);
          CHECK(
              static_cast<double>(a.out[i]) ==
              Approx((1.0 - s) * static_cast<double>(instances.out[i]) + s * static_cast<double>(prompt.out[i])).margin(1e-6));
        }
  };
  a.run<reference>(attention{decoupled<share::constant, share::constant>{prompts, {0.3F}, {0.1F}}});
  expect([](std::size_t t, std::size_t) { return t < 9 ? 0.3 : 0.1; });
  const float gates[2] = {-0.5F, 2.0F};
  const share::head_gate gate{gates, 2};
  a.run<reference>(attention{decoupled<share::head_gate, share::head_gate>{prompts, gate, gate}});
  expect([&](std::size_t, std::size_t h) { return 1.0 / (1.0 + std::exp(-static_cast<double>(gates[h]))); });
}

TEST_CASE("it does not matter where the prompts lie") {
  attend_case behind(1, 2, 4, sequence_grid(12), 5);
  attend_case before = prompts_first(behind);
  using policy = decoupled<share::odds, share::constant>;
  behind.run<reference>(attention{policy{prompts, {0.5F}, {0.25F}}});
  before.run<reference>(attention{policy{{0, 3}, {0.5F}, {0.25F}}});
  for (std::size_t i = 0; i < 12 * 8; ++i) CHECK(before.out[(i + 24) % 96] == Approx(behind.out[i]).margin(1e-6));
}

TEST_CASE("every sub-process has a mask of its own") {
  attend_case expected(1, 1, 4, sequence_grid(12), 6);
  attend_case a = expected;
  expected.run<reference>(attention{visible_if{[](std::size_t q, std::size_t k) { return q >= 9 || k >= 9 || k <= q; }}});
  a.run<reference>(attention{decoupled<share::exact, share::exact, causal<>>{prompts}});
  CHECK(expected.out == a.out);
  expected.run<reference>(
      attention{visible_if{[](std::size_t q, std::size_t k) { return (q < 9) == (k < 9) ? k <= q : k != 2; }}});
  const auto no_two = visible_if{[](std::size_t, std::size_t k) { return k != 2; }};
  using other = std::remove_const_t<decltype(no_two)>;
  a.run<reference>(attention{decoupled<share::exact, share::exact, causal<>, other, other, causal<>>{
      .prompts = prompts, .instances_from_prompts = no_two, .prompts_from_instances = no_two}});
  CHECK(expected.out == a.out);
}

TEST_CASE("what a rectangle is told is what its pairs are told") {
  using policy = decoupled<share::drop_prompts, share::odds, causal<>>;
  const policy p{.prompts = {2, 3}};
  const auto map = global{}.map(sequence_grid(8));
  const group_context<strided_groups<>> c{0, 0, 0, 8, 8, &map};
  for (std::size_t q0 = 0; q0 < 8; ++q0)
    for (std::size_t q1 = q0 + 1; q1 <= 8; ++q1)
      for (std::size_t k0 = 0; k0 < 8; ++k0)
        for (std::size_t k1 = k0 + 1; k1 <= 8; ++k1) {
          bool all = true;
          bool none = true;
          for (std::size_t q = q0; q < q1; ++q)
            for (std::size_t k = k0; k < k1; ++k) {
              const bool v = p.visible(c, static_cast<float>(q), static_cast<float>(k));
              all = all && v;
              none = none && !v;
              REQUIRE(p.in_part(c, static_cast<float>(k), 1) == (k >= 2 && k < 5));
            }
          const tile t = p.classify(c, q0, q1, k0, k1);
          REQUIRE((t != tile::full || all));
          REQUIRE((t != tile::skip || none));
          if (q1 - q0 == 1 && k1 - k0 == 1) REQUIRE(t == (all ? tile::full : tile::skip));
        }
}

TEST_CASE("empty parts have no share, and two of them give zeros") {
  attend_case whole(1, 1, 4, sequence_grid(12), 7);
  attend_case a = whole;
  using odds = decoupled<share::odds, share::odds>;
  whole.run<reference>(attention<>{});
  a.run<reference>(attention{odds{{0, 0}, {3.0F}, {3.0F}}});
  CHECK(difference(whole, a) < 1e-6);
  a.run<reference>(attention{odds{{0, 12}, {3.0F}, {3.0F}}});
  CHECK(difference(whole, a) < 1e-6);
  const std::int32_t none[1] = {0};
  a.run<reference>(attention{odds{prompts}, lengths{none}, logsumexp{}});
  for (const float y : a.out) CHECK(y == 0.0F);
  for (const float l : a.lse) CHECK(l == -infinity);
}

TEST_CASE("prompts and gates are checked") {
  attend_case a(1, 2, 4, sequence_grid(12), 8);
  REQUIRE_THROWS_AS(a.run<reference>(attention{decoupled<>{{10, 3}}}), shape_error);
  using gated = decoupled<share::head_gate, share::exact>;
  REQUIRE_THROWS_AS(a.run<reference>(attention{gated{prompts}}), weight_error);
  const float gate[1] = {0.0F};
  REQUIRE_THROWS_AS(a.run<reference>(attention{gated{prompts, {gate, 1}}}), shape_error);
  for (const float y : a.out) REQUIRE(y == 77.0F);
}
