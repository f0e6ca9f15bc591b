// Links kernels of two instruction sets together. Arguments: the sets to run, baseline first; a processor without
// AVX (an emulated one, in the tests) runs `baseline` alone, which stops at the first foreign instruction.
#include <cstdio>
#include <cstring>

#include "block.hpp"
#include "tests/support/compare.hpp"

namespace {

bool agrees(const heddle::test::block_report& expected, const heddle::test::block_report& got) {
  if (expected.layout != got.layout) {
    std::printf("%s and %s disagree about the layout of public types\n", expected.isa.c_str(), got.isa.c_str());
    return false;
  }
  const auto worst = heddle::test::worst(expected.output, got.output);
  std::printf("%s against %s: %s\n", got.isa.c_str(), expected.isa.c_str(), worst.text().c_str());
  return worst.relative() < 1e-5;
}

bool is_for(const heddle::test::block_report& report, const char* isa) {
  if (report.isa == isa) return true;
  std::printf("the unit for %s holds kernels for %s\n", isa, report.isa.c_str());
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  namespace test = heddle::test;
  const test::block_report baseline = test::run_block_baseline();
  bool ok = is_for(baseline, "baseline");
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "baseline") == 0) continue;
    const test::block_report other = test::run_block_wide();
    ok = is_for(other, argv[i]) && agrees(baseline, other) && ok;
  }
  // After the others: nothing of theirs may have taken the place of the baseline's.
  ok = agrees(baseline, test::run_block_baseline()) && ok;
  return ok ? 0 : 1;
}
