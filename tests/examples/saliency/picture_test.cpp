#include "vits14_saliency/picture.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "support/catch.hpp"

using namespace saliency_app;

namespace {

/// A grey picture whose left half is darker.
examples::image two_halves(std::size_t height, std::size_t width) {
  examples::image photo(height, width, 1);
  for (std::size_t y = 0; y < height; ++y)
    for (std::size_t x = 0; x < width; ++x) photo.row(y)[x] = x < width / 2 ? 60 : 200;
  return photo;
}

std::uint8_t at(const std::vector<std::uint8_t>& rgb, std::size_t y, std::size_t x) { return rgb[(y * side + x) * 3 + 1]; }

}  // namespace

TEST_CASE("a photograph becomes a square, padded or cut") {
  const examples::image photo = two_halves(100, 400);
  const auto padded = fitted(photo, fit::pad);
  REQUIRE(padded.size() == side * side * 3);
  CHECK(at(padded, 10, 10) == 0);
  CHECK(at(padded, side / 2, 10) == 60);
  CHECK(at(padded, side / 2, side - 10) == 200);
  CHECK(at(padded, side / 2 - 27, 10) == 60);  // 56 rows of picture in the middle
  CHECK(at(padded, side / 2 - 29, 10) == 0);
  const auto cut = fitted(photo, fit::crop);
  CHECK(at(cut, 10, 10) == 60);
  CHECK(at(cut, 10, side - 10) == 200);
  CHECK(fitted(two_halves(1, 900), fit::pad).size() == side * side * 3);  // one row is left
}

TEST_CASE("maps are compared") {
  const std::vector<float> a{0.1F, 0.2F, 0.9F, 0.8F};
  const std::vector<float> b{0.2F, 0.4F, 1.8F, 1.6F};
  CHECK(correlation(a, b) == Approx(1.0));
  CHECK(correlation(a, {0.9F, 0.8F, 0.1F, 0.2F}) == Approx(-1.0).margin(0.1));
  CHECK(correlation(a, std::vector<float>(4, 0.5F)) == 1.0);  // nothing to compare
  CHECK(overlap(a, {0.6F, 0.1F, 0.9F, 0.1F}) == Approx(1.0 / 3.0));
  CHECK(overlap(std::vector<float>(4), std::vector<float>(4)) == 1.0);
}

TEST_CASE("panels show what was merged") {
  const auto rgb = fitted(two_halves(224, 224), fit::crop);
  result plain;
  plain.map.assign(side * side, 0.5F);
  plain.tokens = patches * patches + 1;
  result merged = plain;
  merged.tokens = 3;  // the class token, the left and the right half
  for (std::size_t p = 0; p < patches * patches; ++p) merged.origin.push_back(p % patches < patches / 2 ? 1 : 2);
  const examples::image two = panels(rgb, plain, nullptr);
  const examples::image four = panels(rgb, plain, &merged);
  CHECK(four.width > two.width);
  const std::size_t first = four.width / 2 + 40;  // inside the third panel
  const std::uint8_t* const row = four.row(four.height / 2);
  CHECK(row[3 * first] == 60);
  CHECK(std::count(row, row + 3 * four.width, 200) > 0);
}
