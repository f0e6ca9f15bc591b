#include <heddle/io/key_map.hpp>

#include "tests/io/files.hpp"
#include "tests/support/catch.hpp"

#include <string>
#include <string_view>

using heddle::io::key_map;

namespace {

/// "name", "name part/parts" or "a + b", as a map answers.
std::string stored(const key_map& map, std::string_view parameter) {
  std::string all;
  for (const heddle::io::tensor_source& source : map.sources(parameter)) {
    if (!all.empty()) all += " + ";
    all += source.name.empty() ? "zeros" : source.name;
    if (source.parts != 1) all += ' ' + std::to_string(source.part) + '/' + std::to_string(source.parts);
  }
  return all;
}

}  // namespace

TEST_CASE("without a rule names are the same", "[io]") {
  REQUIRE(stored(key_map{}, "blocks.0.attn.qkv.weight") == "blocks.0.attn.qkv.weight");
}

TEST_CASE("a rule renames the beginning and keeps the rest", "[io]") {
  key_map map;
  map.rename("stages.*.*.mbconv.expand", "stages.*.*.0.fn.0");
  REQUIRE(stored(map, "stages.1.12.mbconv.expand.weight") == "stages.1.12.0.fn.0.weight");
  REQUIRE(stored(map, "stages.1.12.mbconv.expand") == "stages.1.12.0.fn.0");
  REQUIRE(stored(map, "stages.1.mbconv.expand.weight") == "stages.1.mbconv.expand.weight");
  REQUIRE(stored(map, "stages.1.12.mbconv.expanded.weight") == "stages.1.12.mbconv.expanded.weight");
  REQUIRE(stored(map, "x.stages.1.12.mbconv.expand.weight") == "x.stages.1.12.mbconv.expand.weight");
}

TEST_CASE("the first rule that matches is the only one", "[io]") {
  key_map map;
  map.rename("a.b", "one").rename("a", "two").rename("one", "three").rename("", "prefix");
  REQUIRE(stored(map, "a.b.c") == "one.c");
  REQUIRE(stored(map, "a.c") == "two.c");
  REQUIRE(stored(map, "one") == "three");
  REQUIRE(stored(map, "z") == "prefix.z");
}

TEST_CASE("prefixes come and go", "[io]") {
  REQUIRE(stored(key_map{}.rename("", "module.net"), "fc.weight") == "module.net.fc.weight");
  REQUIRE(stored(key_map{}.rename("backbone", ""), "backbone.fc.weight") == "fc.weight");
}

TEST_CASE("a double star stands for any number of segments", "[io]") {
  key_map map;
  map.rename("**.attn.proj", "**.attention.output").rename("net.**.last.*", "**.final.*");
  REQUIRE(stored(map, "attn.proj.bias") == "attention.output.bias");
  REQUIRE(stored(map, "blocks.3.attn.proj.bias") == "blocks.3.attention.output.bias");
  REQUIRE(stored(map, "attn.attn.proj") == "attn.attention.output");
  REQUIRE(stored(map, "net.a.b.last.7.weight") == "a.b.final.7.weight");
  REQUIRE(stored(map, "net.last.7") == "final.7");
  REQUIRE(stored(map, "net.last") == "net.last");
}

TEST_CASE("fused tensors are split and separate ones joined", "[io]") {
  key_map map;
  map.split("**.attn.q", "**.attn.qkv", 0, 3).split("**.attn.v", "**.attn.qkv", 2, 3);
  map.join("**.self.qkv.bias", {"**.self.q_bias", "", "**.self.v_bias"}).join("kv", {"k", "v"});
  REQUIRE(stored(map, "layers.0.attn.q.weight") == "layers.0.attn.qkv.weight 0/3");
  REQUIRE(stored(map, "attn.v.bias") == "attn.qkv.bias 2/3");
  REQUIRE(stored(map, "b.self.qkv.bias") == "b.self.q_bias + zeros + b.self.v_bias");
  REQUIRE(stored(map, "kv.weight") == "k.weight + v.weight");
}

TEST_CASE("ignored names match as a whole", "[io]") {
  key_map map;
  map.ignore("**.num_batches_tracked").ignore("head.*").ignore("aux.**");
  REQUIRE(map.is_ignored("num_batches_tracked"));
  REQUIRE(map.is_ignored("stem.0.bn.num_batches_tracked"));
  REQUIRE_FALSE(map.is_ignored("bn.num_batches_tracked.x"));
  REQUIRE(map.is_ignored("head.weight"));
  REQUIRE_FALSE(map.is_ignored("head.fc.weight"));
  REQUIRE_FALSE(map.is_ignored("head"));
  REQUIRE(map.is_ignored("aux"));
  REQUIRE(map.is_ignored("aux.fc.weight"));
  REQUIRE_FALSE(key_map{}.is_ignored("a"));
}

#if HEDDLE_HAS_EXCEPTIONS
TEST_CASE("rules that cannot mean anything are refused", "[io]") {
  using heddle::test::message_of;
  key_map map;
  REQUIRE(message_of<heddle::weight_error>([&] { map.rename("a.*", "b"); }) ==
          "key_map: \"a.*\" and \"b\" must have the same wildcards");
  REQUIRE(message_of<heddle::weight_error>([&] { map.rename("*.**", "**.*"); }) ==
          "key_map: \"*.**\" and \"**.*\" must have the same wildcards");
  REQUIRE(message_of<heddle::weight_error>([&] { map.join("**.kv", {"**.k", "v"}); }) ==
          "key_map: \"**.kv\" and \"v\" must have the same wildcards");
  REQUIRE(message_of<heddle::weight_error>([&] { map.split("q", "qkv", 3, 3); }) ==
          "key_map: part 3 of \"qkv\" does not exist, it has 3 parts, numbered from 0");
  REQUIRE(stored(map, "a.x") == "a.x");
}
#endif
