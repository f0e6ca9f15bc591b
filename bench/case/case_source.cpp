#include "case_source.hpp"

namespace heddle::bench {

namespace {

std::string source_policy(const parsed_case& c) {
  const std::string inner = c.keys != 0 ? "cross_source" : "self_source";
  if (c.kv_heads != 0 && c.kv_heads != c.heads) return "grouped<" + std::to_string(c.heads / c.kv_heads) + ", " + inner + ">{}";
  return c.keys != 0 ? "cross_source{}" : "";
}

std::string composition(const parsed_case& c) {
  std::string list;
  const auto append = [&](const std::string& value) { list += (list.empty() ? "" : ", ") + value; };
  for (const used_policy& p : c.policies) append(p.value());
  if (const std::string source = source_policy(c); !source.empty()) append(source);
  return list.empty() ? "attention<>{}" : "attention{" + list + '}';
}

std::string type_of(const std::string& dtype) { return dtype == "bf16" ? "bfloat16" : dtype == "f16" ? "half" : "float"; }

}  // namespace

std::string case_source(const parsed_case& c) {
  const std::string partition = c.find(slot::partition) != nullptr ? c.find(slot::partition)->value() : "global{}";
  std::string text = "// Written by case_source for: " + c.text +
                     "\n#include \"bench/support/attention_subject.hpp\"\n\nnamespace {\n\n" +
                     "using namespace heddle;\n\n[[maybe_unused]] const bool registered = [] {\n" +
                     "  [[maybe_unused]] constexpr std::size_t heads = " + std::to_string(c.heads) +
                     ";\n  const bench::attention_shape shape{.batch = " + std::to_string(c.batch) +
                     ", .heads = heads, .kv_heads = " + std::to_string(c.kv_heads) + ", .grid = {" + std::to_string(c.frames) +
                     ", " + std::to_string(c.height) + ", " + std::to_string(c.width) + "}, .keys = " + std::to_string(c.keys) +
                     ", .where = bench::operands::" + (c.projection ? "projection" : "heads") + "};\n";
  if (c.uses("bias")) text += "  static const std::vector<float> table = bench::offset_table(" + partition + ", shape);\n";
  if (c.uses("cosine")) text += "  static const std::vector<float> scales(heads, 2.3025851F);   // ln 10\n";
  return text + "  const auto composition = " + composition(c) + ";\n  bench::add_attention_of<" + type_of(c.dtype) + ", " +
         std::to_string(c.dim) + ">(\"case\", \"\", \"" + c.text + "\", composition, shape, " + std::to_string(c.threads) +
         ");\n  return true;\n}();\n\n}  // namespace\n";
}

}  // namespace heddle::bench
