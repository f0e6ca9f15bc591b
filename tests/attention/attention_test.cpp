#include <heddle/attention/attention.hpp>

#include <type_traits>

#include "support/catch.hpp"

using namespace heddle;

namespace {

struct gaussian_distance {
  using policy_category = score_mod_tag;
  float inverse_two_sigma_squared;
  template <class T>
  constexpr T operator()(T score, std::size_t, T query, T key) const noexcept {
    const T d = query - key;
    return score - d * d * inverse_two_sigma_squared;
  }
};

struct hard_cap {
  using policy_category = score_mod_tag;
  float cap;
  float operator()(float score, std::size_t, std::size_t, std::size_t) const noexcept { return score < cap ? score : cap; }
};

}  // namespace

TEST_CASE("empty slots take their defaults") {
  using plain = attention<>;
  STATIC_REQUIRE(std::is_same_v<plain::partition_type, global>);
  STATIC_REQUIRE(std::is_same_v<plain::mask_type, full>);
  STATIC_REQUIRE(std::is_same_v<plain::score_type, scaled_dot>);
  STATIC_REQUIRE(std::is_same_v<plain::normalizer_type, softmax>);
  STATIC_REQUIRE(std::is_same_v<plain::source_type, self_source>);
  STATIC_REQUIRE(std::is_same_v<plain::position_type, no_position>);
  STATIC_REQUIRE(std::is_same_v<plain::observer_type, no_observer>);
  STATIC_REQUIRE(plain::modifiers == 0);
}

TEST_CASE("policies are found in any order and keep their values") {
  using forward = attention<window<7>, same_region, relative_position_bias<7>, softmax>;
  using backward = attention<softmax, relative_position_bias<7>, same_region, window<7>>;
  STATIC_REQUIRE(std::is_same_v<forward::partition_type, backward::partition_type>);
  STATIC_REQUIRE(std::is_same_v<forward::mask_type, same_region>);
  STATIC_REQUIRE(std::is_same_v<backward::modifier_type<0>, relative_position_bias<7>>);

  attention local{gaussian_distance{0.02F}, window<8>{2, 3}};
  CHECK(local.partition().shift_x == 3);
  CHECK(local.modifier<0>().inverse_two_sigma_squared == 0.02F);
  get_policy<gaussian_distance>(local).inverse_two_sigma_squared = 0.5F;
  CHECK(local.modifier<0>().inverse_two_sigma_squared == 0.5F);
}

TEST_CASE("score modifiers keep their order") {
  const attention a{hard_cap{1.0F}, causal<>{}, gaussian_distance{0.5F}};
  STATIC_REQUIRE(decltype(a)::modifiers == 2);
  CHECK(a.modifier<0>().cap == 1.0F);
  CHECK(a.modifier<1>().inverse_two_sigma_squared == 0.5F);
}

TEST_CASE("empty policies do not write over the values of others") {
  struct capped : hard_cap {
    constexpr capped() : hard_cap{3.0F} {}
  };
  const attention<causal<>, capped, softmax, block<8>> made;
  CHECK(made.modifier<0>().cap == 3.0F);
  const attention given{capped{}, causal<>{}, softmax{}, block<8>{}};
  CHECK(given.modifier<0>().cap == 3.0F);
  const std::int32_t n = 7;
  const all_of masks{lengths{{&n, 1}}, causal<>{}};
  const attention with_masks{masks, block<8>{}};
  CHECK(with_masks.mask().classify(group_context<strided_groups<>>{0, 0, 0, 8, 8, nullptr}, 0, 8, 7, 8) == tile::skip);
}

TEST_CASE("policies without values take no space") {
  STATIC_REQUIRE(std::is_empty_v<attention<block<8>, softmax, causal<>, logsumexp>>);
  STATIC_REQUIRE(sizeof(attention<global, gaussian_distance, softmax>) == sizeof(float));
  STATIC_REQUIRE(std::is_trivially_copyable_v<attention<window<8>, relative_position_bias<8>>>);
}
