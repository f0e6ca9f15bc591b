#include <heddle/model/parameter.hpp>

#include "tests/support/catch.hpp"

#include <memory>
#include <type_traits>
#include <vector>

using heddle::buffer;
using heddle::no_parameter;
using heddle::optional_parameter;
using heddle::parameter;

static_assert(parameter<4, 3>::size() == 12 && parameter<>::size() == 1);
static_assert(parameter<4>::is_trained && !buffer<4>::is_trained);
static_assert(std::is_same_v<optional_parameter<true, 4>, parameter<4>> &&
              std::is_same_v<optional_parameter<false, 4>, no_parameter>);
static_assert(std::is_empty_v<no_parameter> && no_parameter::span().empty());
static_assert(std::is_copy_assignable_v<parameter<4>>);

TEST_CASE("a parameter shares what it is bound to", "[model]") {
  parameter<2, 3> p;
  REQUIRE_FALSE(p.is_bound());
  auto numbers = std::make_shared<std::vector<float>>(std::vector<float>{1, 2, 3, 4, 5, 6});
  p.bind(numbers->data(), numbers);
  const parameter<2, 3> copy = p;
  const std::weak_ptr<std::vector<float>> watch = numbers;
  numbers.reset();
  p = {};
  REQUIRE(copy.is_bound());
  REQUIRE(copy.view()(1, 2) == 6.0f);
  REQUIRE(copy.span().size() == 6);
  REQUIRE(copy.owner().use_count() == 1);
  REQUIRE_FALSE(watch.expired());
}

TEST_CASE("without an owner the caller keeps the memory", "[model]") {
  const float numbers[2]{1.0f, 2.0f};
  parameter<2> p;
  p.bind(numbers);
  REQUIRE(p.data() == numbers);
  REQUIRE(p.owner() == nullptr);
}
