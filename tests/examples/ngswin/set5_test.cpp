// NGswin x2 with its published weights on Set5: as good as the official network, and the same picture.
#include "maxsr/app/enlarge.hpp"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

#include "common/metrics.hpp"
#include "common/user_error.hpp"
#include "support/catch.hpp"
#include "support/data_dir.hpp"

namespace {

using examples::image;

image enlarged(const maxsr_app::network& net, const image& small) {
  image large(small.height * net.scale(), small.width * net.scale(), small.channels, small.bit_depth);
  maxsr_app::tiled_options options;
  options.tiles.side = 256;
  options.threads = 2;
  std::size_t y = 0;
  maxsr_app::enlarge(small, net, options,
                     [&](const std::uint8_t* row) { std::memcpy(large.row(y++), row, large.row_bytes()); });
  REQUIRE(y == large.height);
  return large;
}

int largest_difference(const image& a, const image& b) {
  REQUIRE(a.bytes.size() == b.bytes.size());
  int worst = 0;
  for (std::size_t i = 0; i < a.bytes.size(); ++i) worst = std::max(worst, std::abs(int{a.bytes[i]} - int{b.bytes[i]}));
  return worst;
}

}  // namespace

TEST_CASE("ngswin: Set5 x2 is as good as with the official network") {
  const auto data = heddle::test::data_dir("NGswin on Set5");
  if (!data) return;
  const std::string folder = *data + "/weights/ngswin-x2";
  const auto net = maxsr_app::load_network(folder + "/weights.safetensors", 2);
  std::ifstream expected(folder + "/expected_quality.csv");
  std::string line;
  std::getline(expected, line);
  std::size_t pictures = 0;
  while (std::getline(expected, line)) {  // set,image,hr_size,psnr_y,ssim_y,...
    std::istringstream fields(line);
    std::string set, name, size, psnr, ssim;
    for (std::string* field : {&set, &name, &size, &psnr, &ssim}) std::getline(fields, *field, ',');
    if (name == "MEAN" || name == "baby") continue;  // the largest picture takes as long as the others together
    const std::string pair = *data + "/images/Set5/";
    const image small = examples::read_image(pair + "LR_bicubic/X2/" + name + "x2.png");
    const image original = examples::read_image(pair + "HR/" + name + ".png");
    const image large = enlarged(*net, small);
    CHECK(examples::psnr_luma(large, original, 2) == Approx(std::stod(psnr)).margin(0.02));
    CHECK(examples::ssim_luma(large, original, 2) == Approx(std::stod(ssim)).margin(0.0005));
    if (name == "butterfly") CHECK(largest_difference(large, examples::read_image(folder + "/sr/butterflyx2.png")) <= 1);
    ++pictures;
  }
  CHECK(pictures == 4);
}

TEST_CASE("ngswin: weights of another network or scale are refused with a sentence") {
  const auto data = heddle::test::data_dir("weights of another network");
  if (!data) return;
  CHECK_THROWS_AS(maxsr_app::load_network(*data + "/weights/vittrack/weights.safetensors", 0), examples::user_error);
  CHECK_THROWS_AS(maxsr_app::load_network(*data + "/weights/ngswin-x2/weights.safetensors", 3), examples::user_error);
  CHECK_THROWS_AS(maxsr_app::load_network(*data + "/weights/none.safetensors", 0), examples::user_error);
}
