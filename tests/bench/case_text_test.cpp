#include "bench/case/case_text.hpp"
#include "bench/case/case_source.hpp"
#include "tests/support/catch.hpp"

using namespace heddle::bench;

namespace {

std::string problem(std::string_view text) { return parse_case(text).problem; }
bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a case names policies and sizes in any order") {
  const parsed_case c = parse_case("heads=4, window<7>,bias,dim=32 , map=56x48,threads=2");
  REQUIRE(c.problem.empty());
  CHECK(c.text == "heads=4,window<7>,bias,dim=32,map=56x48,threads=2");
  CHECK(c.heads == 4);
  CHECK(c.dim == 32);
  CHECK(c.frames == 1);
  CHECK(c.height == 56);
  CHECK(c.width == 48);
  CHECK(c.threads == 2);
  CHECK(c.batch == 1);
  CHECK(c.dtype == "f32");
  CHECK(c.projection);
  REQUIRE(c.policies.size() == 2);
  CHECK(c.policies[0].value() == "window<7>{}");
  CHECK(c.policies[1].value() == "relative_position_bias<>{table.data(), heads}");
}

TEST_CASE("sequences, videos, other keys and shared heads") {
  const parsed_case sequence = parse_case("causal,heads=8,dim=64,tokens=1024");
  CHECK(sequence.problem.empty());
  CHECK(sequence.width == 1024);
  CHECK_FALSE(sequence.projection);
  CHECK(sequence.policies[0].type() == "causal<>");
  const parsed_case video = parse_case("window<2,7,7>,heads=3,dim=32,map=8x56x56,dtype=bf16");
  CHECK(video.problem.empty());
  CHECK(video.frames == 8);
  CHECK(video.dtype == "bf16");
  CHECK(video.policies[0].type() == "window<2, 7, 7>");
  const parsed_case decode = parse_case("causal<bottom_right>,heads=32,kv_heads=8,dim=128,tokens=1,keys=2048,batch=2");
  CHECK(decode.problem.empty());
  CHECK(decode.policies[0].type() == "causal<alignment::bottom_right>");
  CHECK(decode.keys == 2048);
  CHECK(decode.kv_heads == 8);
  CHECK(decode.batch == 2);
}

TEST_CASE("shifted windows bring the mask that makes them right, unless one is named") {
  const parsed_case c = parse_case("shifted_window<7>,heads=4,dim=32,map=56x56");
  CHECK(c.problem.empty());
  CHECK(c.uses("same_region"));
  const parsed_case open = parse_case("shifted_window<7>,full,heads=4,dim=32,map=56x56");
  CHECK(open.problem.empty());
  CHECK_FALSE(open.uses("same_region"));
}

TEST_CASE("a case that is not understood is answered with one sentence") {
  CHECK(problem("") == "the case is empty");
  CHECK(problem("windw<7>,heads=4,dim=32,map=8x8") == "'windw<7>' is not known");
  CHECK(problem("window<x>,heads=4,dim=32,map=8x8") == "'window<x>' is not understood; it is written window<N>");
  CHECK(problem("window,heads=4,dim=32,map=8x8") == "'window' is not understood; it is written window<N>");
  CHECK(problem("window<0>,heads=4,dim=32,map=8x8") == "'window<0>' is not understood; it is written window<N>");
  CHECK(problem("window<7,heads=4,dim=32,map=8x8") == "the angle brackets do not match");
  CHECK(problem("window<7>,block<7>,heads=4,dim=32,map=8x8") == "two policies fill the slot partition: window and block");
  CHECK(problem("causal,sliding<8>,heads=4,dim=32,tokens=8") == "two policies fill the slot mask: causal and sliding");
  CHECK(problem("dim=32,tokens=8") == "heads= is missing");
  CHECK(problem("heads=4,tokens=8") == "dim= is missing");
  CHECK(problem("heads=4,dim=32") == "give either tokens= or map=");
  CHECK(problem("heads=4,dim=32,tokens=8,map=8x8") == "give either tokens= or map=");
  CHECK(problem("heads=four,dim=32,tokens=8") == "heads= wants a whole number above 0, got 'four'");
  CHECK(problem("heads=4,dim=-1,tokens=8") == "dim= wants a whole number above 0, got '-1'");
  CHECK(problem("heads=4,dim=32,map=8") == "map= wants HEIGHTxWIDTH or FRAMESxHEIGHTxWIDTH, got '8'");
  CHECK(problem("heads=4,dim=32,tokens=8,dtype=f64") == "dtype= is one of: f32 bf16 f16; got 'f64'");
  CHECK(problem("heads=4,heads=4,dim=32,tokens=8") == "heads= is given twice");
  CHECK(problem("heads=4,kv_heads=3,dim=32,tokens=8") == "kv_heads= must divide heads=");
  CHECK(problem("window<7>,heads=4,dim=32,map=7x7,keys=9") == "keys= is for the partition global");
  CHECK(contains(problem("colour=4"), "colour= is not known; known are: heads=N"));
  CHECK(contains(problem("heads=99999999999999999999,dim=32,tokens=8"), "heads= wants a whole number"));
  CHECK(contains(known_words(), "partition: global, window<N>"));
}

TEST_CASE("the source names the composition as a user would") {
  const std::string text = case_source(parse_case("shifted_window<7>,bias,heads=4,dim=32,map=56x56,dtype=bf16,threads=2"));
  CHECK(contains(text, "attention{shifted_window<7>{}, relative_position_bias<>{table.data(), heads}, same_region{}}"));
  CHECK(contains(text, "bench::offset_table(shifted_window<7>{}, shape)"));
  CHECK(contains(text, ".grid = {1, 56, 56}"));
  CHECK(contains(text, "operands::projection"));
  CHECK(contains(text, "add_attention_of<bfloat16, 32>"));
  const std::string cross = case_source(parse_case("heads=32,kv_heads=8,dim=128,tokens=1,keys=2048"));
  CHECK(contains(cross, "attention{grouped<4, cross_source>{}}"));
  CHECK(contains(cross, "operands::heads"));
  CHECK(contains(case_source(parse_case("heads=2,dim=8,tokens=16")), "attention<>{}"));
  const std::string swin2 = case_source(parse_case("window<8>,cosine,bias,heads=4,dim=32,map=56x56"));
  CHECK(contains(swin2, "attention{window<8>{}, cosine{scales.data(), heads}, relative_position_bias<>{table.data(), heads}}"));
  CHECK(contains(swin2, "scales(heads,"));
  const std::string tracker = case_source(parse_case("mixed<128,324>,alibi,heads=12,dim=64,tokens=452"));
  CHECK(contains(tracker, "attention{mixed<segments<128, 324>, sees<0>, sees<0, 1>>{}, alibi<heads>{}}"));
}
