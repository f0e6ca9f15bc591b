#include <heddle/io/save.hpp>

#include <heddle/io/bind.hpp>

#include "tests/io/files.hpp"
#include "tests/support/catch.hpp"

#include <cstddef>
#include <string>
#include <vector>

using heddle::dtype;
using heddle::io::bind;
using heddle::io::key_map;
using heddle::io::safetensors;
using heddle::io::save;
using heddle::test::temporary_file;

namespace {

struct affine {
  heddle::parameter<2, 3> weight;
  heddle::buffer<2> mean;
  static constexpr auto members() { return heddle::members<&affine::weight, &affine::mean>("weight", "mean"); }
};
struct network {
  affine q, k;
  static constexpr auto members() { return heddle::members<&network::q, &network::k>("q", "k"); }
};

/// A network bound to numbers that f16 and bf16 hold exactly.
struct bound {
  std::vector<float> numbers = std::vector<float>(16);
  network net{};
  bound() {
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i) - 8.0f;
    net.q.weight.bind(numbers.data());
    net.q.mean.bind(numbers.data() + 6);
    net.k.weight.bind(numbers.data() + 8);
    net.k.mean.bind(numbers.data() + 14);
  }
};

std::vector<float> values(const network& net) {
  std::vector<float> all;
  heddle::for_each_parameter(net,
                             [&](std::string_view, const auto& t) { all.insert(all.end(), t.span().begin(), t.span().end()); });
  return all;
}

}  // namespace

TEST_CASE("a saved model is bound again, in every type", "[io]") {
  const bound b;
  for (const dtype stored : {dtype::f32, dtype::f16, dtype::bf16}) {
    const temporary_file target("saved.safetensors");
    save(b.net, target.path(), {}, stored, {{"format", "heddle"}});
    const safetensors file{target.path()};
    REQUIRE(file.size() == 4);
    REQUIRE(file[0].name == "q.weight");
    REQUIRE(file[0].type == stored);
    REQUIRE(file[0].shape == std::vector<std::size_t>{2, 3});
    REQUIRE(file.metadata().size() == 1);
    network again;
    bind(again, file);
    REQUIRE(values(again) == b.numbers);
  }
}

TEST_CASE("names go through the key map, and parts become one tensor", "[io]") {
  const bound b;
  const temporary_file target("mapped.safetensors");
  key_map map;
  map.split("k", "attn.qk", 0, 2).split("q", "attn.qk", 1, 2);
  save(b.net, target.path(), map);
  const safetensors file{target.path()};
  REQUIRE(file.size() == 2);
  REQUIRE(file[0].name == "attn.qk.weight");
  REQUIRE(file[0].shape == std::vector<std::size_t>{4, 3});
  REQUIRE(file.floats("attn.qk.mean") == std::vector<float>{6, 7, -2, -1});
  network again;
  bind(again, file, map);
  REQUIRE(values(again) == b.numbers);
}

TEST_CASE("tied weights are saved once", "[io]") {
  bound b;
  b.net.k = b.net.q;
  const temporary_file target("tied.safetensors");
  const key_map map = key_map{}.rename("k", "q");
  save(b.net, target.path(), map);
  REQUIRE(safetensors{target.path()}.size() == 2);
}

#if HEDDLE_HAS_EXCEPTIONS
TEST_CASE("a model that cannot be saved is refused with all reasons", "[io]") {
  bound b;
  const temporary_file target("refused.safetensors");
  const auto refuse = [&](const network& net, const key_map& map) {
    return heddle::test::message_of<heddle::weight_error>([&] { save(net, target.path(), map); });
  };
  REQUIRE(refuse(network{}, {}) == target.path() +
                                       ": not saved for 4 problems\n  \"q.weight\": not bound\n  \"q.mean\": not bound"
                                       "\n  \"k.weight\": not bound\n  \"k.mean\": not bound");
  REQUIRE(refuse(b.net, key_map{}.rename("k", "q")) ==
          target.path() +
              ": not saved for 2 problems\n  \"k.weight\": another parameter is stored as \"q.weight\" already"
              "\n  \"k.mean\": another parameter is stored as \"q.mean\" already");
  REQUIRE(refuse(b.net, key_map{}.split("k.mean", "mean", 1, 2)) ==
          target.path() + ": not saved for 1 problem\n  tensor \"mean\": no parameter is part 0 of 2");
  REQUIRE(refuse(b.net, key_map{}.join("k.mean", {"a", "b"})) ==
          target.path() +
              ": not saved for 1 problem\n  \"k.mean\": joined from several tensors of a file, whose sizes are not known");
  REQUIRE(heddle::test::bytes_of_file(target.path()).empty());
}
#endif
