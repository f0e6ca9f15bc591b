// case_source CASE [FILE]: writes the source of a case to FILE (or shows it). Exit code 2, with one sentence and the list
// of what is known, for a case that is not understood. FILE is left alone if it says the same already.
#include <cstdio>
#include <fstream>
#include <sstream>

#include "case_source.hpp"

namespace {

std::string content(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fputs("usage: case_source CASE [FILE]\n", stderr);
    return 2;
  }
  const auto parsed = heddle::bench::parse_case(argv[1]);
  if (!parsed.problem.empty()) {
    std::fprintf(stderr, "heddle: --case: %s\nknown are\n%s", parsed.problem.c_str(), heddle::bench::known_words().c_str());
    return 2;
  }
  const std::string text = heddle::bench::case_source(parsed);
  if (argc == 2) {
    std::fputs(text.c_str(), stdout);
    return 0;
  }
  if (content(argv[2]) == text) return 0;
  std::ofstream file(argv[2]);
  file << text;
  file.close();
  if (!file) {
    std::fprintf(stderr, "heddle: --case: cannot write %s\n", argv[2]);
    return 2;
  }
  return 0;
}
