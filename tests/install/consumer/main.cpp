#include <heddle/version.hpp>

#include <cstdio>
#include <cstring>

#include "one_of_each.hpp"

int main() {
  char version[32];
  std::snprintf(version, sizeof version, "%d.%d.%d", HEDDLE_VERSION_MAJOR, HEDDLE_VERSION_MINOR, HEDDLE_VERSION_PATCH);
  std::printf("heddle %s, expected %s\n", version, CONSUMER_VERSION);
  return std::strcmp(version, CONSUMER_VERSION) == 0 ? 0 : 1;
}
