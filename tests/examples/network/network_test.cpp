// What the programs see of the network: what it refuses, and how far tiles are from the whole picture.
#include "maxsr/app/network.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "common/bicubic.hpp"
#include "common/metrics.hpp"
#include "maxsr/app/tiled.hpp"
#include "support/catch.hpp"
#include "support/data_dir.hpp"

using examples::image;
using examples::user_error;
using maxsr_app::load_network;
using maxsr_app::network;
using maxsr_app::tile_options;

namespace {

bool has_weights() {
  if (::access(HEDDLE_TEST_WEIGHTS, R_OK) == 0) return true;
  std::printf("skipped: no weights in this tree\n");
  return false;
}

/// The sentence with which a file is refused; empty if it is not.
std::string refusal(const std::string& path, std::size_t scale) {
  try {
    load_network(path, scale);
  } catch (const user_error& error) {
    return error.what();
  }
  return {};
}

bool one_sentence(const std::string& text) { return !text.empty() && text.find('\n') == std::string::npos; }

image middle(const image& picture, std::size_t side) {
  image out(side, side, picture.channels);
  for (std::size_t y = 0; y < side; ++y) {
    std::memcpy(out.row(y), picture.row((picture.height - side) / 2 + y) + (picture.width - side) / 2 * 3, out.row_bytes());
  }
  return out;
}

std::vector<float> enlarged(const image& small, const network& net, const tile_options& tiles, std::size_t threads) {
  std::vector<float> out(12 * small.height * small.width);
  const auto keep = [&](std::size_t first, std::size_t rows, const float* rgb) {
    std::copy(rgb, rgb + rows * 6 * small.width, out.begin() + static_cast<std::ptrdiff_t>(first * 6 * small.width));
  };
  maxsr_app::upscale_tiled(small, net, {tiles, threads, false}, keep);
  return out;
}

}  // namespace

TEST_CASE("files that do not hold this network's weights are refused with one sentence") {
  CHECK(one_sentence(refusal("no/such/file", 2)));
  const std::string path = "refused.safetensors";
  const std::string empty_header("\2\0\0\0\0\0\0\0{}", 10);
  for (const std::string& content : {std::string(), std::string("garbage, and no tensors"), empty_header}) {
    std::ofstream(path, std::ios::binary) << content;
    CHECK(one_sentence(refusal(path, 2)));
  }
  std::ofstream(path, std::ios::binary) << "short";
  CHECK(refusal(path, 2) == path + ": refused for 1 problem: the file has 5 bytes, a header length alone takes 8");
  std::remove(path.c_str());
}

TEST_CASE("the shipped weights are for one scale, and cut short they are refused") {
  if (!has_weights()) return;
  CHECK(load_network(HEDDLE_TEST_WEIGHTS, 2)->scale() == 2);
  CHECK(one_sentence(refusal(HEDDLE_TEST_WEIGHTS, 3)));
  CHECK(one_sentence(refusal(HEDDLE_TEST_WEIGHTS, 1)));
  std::ifstream whole(HEDDLE_TEST_WEIGHTS, std::ios::binary);
  std::string bytes(100'000, '\0');
  whole.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  std::ofstream("cut.safetensors", std::ios::binary) << bytes;
  const std::string cut = refusal("cut.safetensors", 2);
  CHECK(one_sentence(cut));
  CHECK(cut.find("refused for ") != std::string::npos);
  CHECK(cut.find("; the first: tensor \"") != std::string::npos);  // and what is wrong
  std::remove("cut.safetensors");
}

TEST_CASE("tiles are close to the whole picture, well above bicubic, and the same for every number of threads") {
  const auto data = heddle::test::data_dir("tiles of the real network");
  if (!data || !has_weights()) return;
  const auto net = load_network(HEDDLE_TEST_WEIGHTS, 2);
  const image large = middle(examples::read_image(*data + "/images/Set5/HR/butterfly.png"), 160);
  const image small = examples::bicubic(large, 80, 80);
  const auto tiled = enlarged(small, *net, {}, 1);
  CHECK(enlarged(small, *net, {}, 3) == tiled);

  image result(160, 160, 3);
  examples::quantise(tiled.data(), tiled.size(), 8, result.bytes.data());
  const double bicubic = examples::psnr_luma(examples::bicubic(small, 160, 160), large, 2);
  CHECK(examples::psnr_luma(result, large, 2) > bicubic + 2.0);

  tile_options one_tile;
  one_tile.side = 80;
  const auto whole = enlarged(small, *net, one_tile, 1);
  std::vector<float> differences;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    differences.push_back(255.0F * std::abs(std::clamp(whole[i], 0.0F, 1.0F) - std::clamp(tiled[i], 0.0F, 1.0F)));
  }
  std::sort(differences.begin(), differences.end());
  // The network sees its whole input, so these are not zero; see the figures in the program's README.
  CHECK(differences[differences.size() / 2] < 0.3F);
  CHECK(differences[differences.size() * 99 / 100] < 4.0F);
}
