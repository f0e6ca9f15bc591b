// The published counts of MaxSR are constants of its type.
#include <algorithm>
#include <string>
#include <vector>

#include "maxsr/maxsr.hpp"

#include "heddle/backend/tags.hpp"
#include "tests/support/catch.hpp"

namespace {

using namespace heddle;
using namespace heddle::examples;

/// Multiply-adds in units of 10 million, rounded.
template <class Net>
constexpr std::uint64_t ten_millions(std::size_t height, std::size_t width) {
  return (multiply_adds<Net>(map_extents(1, height, width, 3)) + 5'000'000) / 10'000'000;
}

static_assert(ten_millions<maxsr_light<2>>(64, 64) == 345);
static_assert(ten_millions<maxsr_light<3>>(64, 64) == 390);
static_assert(ten_millions<maxsr_light<4>>(64, 64) == 487);
static_assert((ten_millions<maxsr_full<2>>(64, 64) + 5) / 10 == 408);
static_assert((ten_millions<maxsr_full<3>>(64, 64) + 5) / 10 == 439);
static_assert((ten_millions<maxsr_full<4>>(64, 64) + 5) / 10 == 506);
// a result of 1280 x 720, with the padding to squares
static_assert((ten_millions<maxsr_light<2>>(360, 640) + 50) / 100 == 367);
static_assert((ten_millions<maxsr_light<3>>(240, 427) + 50) / 100 == 155);
// eight times: one step of upsampling more than four times
static_assert(parameters<maxsr_light<8>> - parameters<maxsr_light<4>> == 4 * 48 * (48 * 9 + 1));
static_assert(output_extents<maxsr_light<8>>(map_extents(1, 5, 6, 3)) == map_extents(1, 40, 48, 3));
static_assert(flops<maxsr_light<2>>(map_extents(1, 64, 64, 3)) == 2 * multiply_adds<maxsr_light<2>>(map_extents(1, 64, 64, 3)));

}  // namespace

TEST_CASE("MaxSR names every parameter once", "[maxsr]") {
  maxsr_light<2> net;
  const io::key_map names = maxsr_light<2>::key_map();
  std::vector<std::string> stored;
  std::size_t trained = 0;
  for_each_parameter(net, [&](std::string_view name, auto& tensor) {
    const auto sources = names.sources(name);
    REQUIRE(sources.size() == 1);
    stored.push_back(sources[0].name);
    if (tensor.is_trained) trained += tensor.size();
  });
  CHECK(trained == 919'395);
  std::sort(stored.begin(), stored.end());
  CHECK(std::adjacent_find(stored.begin(), stored.end()) == stored.end());
  CHECK(std::binary_search(stored.begin(), stored.end(), "stages.3.1.0.fn.6.gate.1.weight"));
  CHECK(std::binary_search(stored.begin(), stored.end(), "stages.0.0.2.1.fn.rel_pos_bias.weight"));
}
