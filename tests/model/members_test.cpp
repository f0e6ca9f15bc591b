#include <heddle/model/members.hpp>

#include <heddle/backend/tags.hpp>

#include "tests/support/catch.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace {

struct leaf {
  heddle::parameter<4, 3> weight;
  heddle::optional_parameter<false, 4> bias;
  heddle::buffer<4> mean;
  int prepared = 0;
  static constexpr auto members() { return heddle::members<&leaf::weight, &leaf::bias, &leaf::mean>("weight", "bias", "mean"); }
  template <class Backend>
  void prepare(const Backend&) {
    prepared = 1;
  }
};

/// A child without a name: its own children appear as the module's.
struct transparent {
  leaf inner;
  heddle::parameter<2> scale;
  static constexpr auto members() { return heddle::members<&transparent::inner, &transparent::scale>("", "gamma"); }
};

/// A container whose children are no data members.
template <std::size_t N, class M>
struct row {
  std::array<M, N> children{};
  template <class Self, class F>
  static void visit_children(Self& self, F&& f) {
    for (std::size_t i = 0; i < N; ++i) f(std::string_view(std::to_string(i)), self.children[i]);
  }
  static constexpr std::size_t parameter_count() { return N * heddle::parameters<M>; }
};

struct no_weights {};

struct network {
  row<2, leaf> blocks;
  transparent last;
  no_weights activation;
  int order = 0;
  static constexpr auto members() {
    return heddle::members<&network::blocks, &network::last, &network::activation>("blocks", "last", "activation");
  }
  template <class Backend>
  void prepare(const Backend&) {
    order = blocks.children[1].prepared + last.inner.prepared;
  }
};

static_assert(heddle::parameters<leaf> == 12);
static_assert(heddle::parameters<transparent> == 14);
static_assert(heddle::parameters<row<2, leaf>> == 24);
static_assert(heddle::parameters<network> == 38);
static_assert(heddle::parameters<no_weights> == 0 && heddle::parameters<heddle::buffer<7>> == 0 &&
              heddle::parameters<heddle::parameter<7>> == 7);

template <class M>
std::string names(M& module) {
  std::string all;
  heddle::for_each_parameter(module, [&](std::string_view name, auto&) { all += std::string(name) + ' '; });
  return all;
}

}  // namespace

TEST_CASE("parameters are visited by the names of an official checkpoint", "[model]") {
  network net;
  REQUIRE(names(net) == "blocks.0.weight blocks.0.mean blocks.1.weight blocks.1.mean last.weight last.mean last.gamma ");
  const network& constant = net;
  REQUIRE(names(constant) == names(net));
  heddle::parameter<3> alone;
  REQUIRE(names(alone) == " ");
}

TEST_CASE("visiting a const model gives const parameters", "[model]") {
  const leaf constant{};
  heddle::for_each_parameter(
      constant, [](std::string_view, auto& t) { static_assert(std::is_const_v<std::remove_reference_t<decltype(t)>>); });
  std::size_t children = 0;
  leaf changeable;
  heddle::for_each_child(changeable, [&](std::string_view, auto&) { ++children; });
  REQUIRE(children == 3);
}

TEST_CASE("children are prepared before their parent", "[model]") {
  network net;
  heddle::prepare<heddle::reference>(net);
  REQUIRE(net.blocks.children[0].prepared == 1);
  REQUIRE(net.order == 2);
}

TEST_CASE("a list of parameters forgets their types and keeps their order", "[model]") {
  network net;
  const auto entries = heddle::list_parameters(net);
  REQUIRE(entries.size() == 7);
  REQUIRE(entries[0].name == "blocks.0.weight");
  REQUIRE(std::vector<std::size_t>(entries[0].shape.begin(), entries[0].shape.end()) == std::vector<std::size_t>{4, 3});
  REQUIRE(entries[0].is_trained);
  REQUIRE(entries[5].name == "last.mean");
  REQUIRE_FALSE(entries[5].is_trained);
  const float numbers[2]{1.0f, 2.0f};
  entries[6].slot->bind(numbers);
  REQUIRE(net.last.scale.data() == numbers);
  const network& constant = net;
  REQUIRE(heddle::list_parameters(constant)[6].slot->data() == numbers);
}
