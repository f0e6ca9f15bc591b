// The comparison that the goldens rely on must fail where it should: wrong numbers, wrong shapes, outputs left out.
#include "golden_runners/support/session.hpp"

#include <cstring>
#include <string>
#include <vector>

#include "golden_runners/support/number.hpp"
#include "support/catch.hpp"

namespace {

using namespace heddle;

/// A file with one f32 tensor `output.y` of shape [1, 2, 1, 2] and one of bytes.
io::safetensors recorded() {
  const std::string header =
      R"({"output.y":{"dtype":"F32","shape":[1,2,1,2],"data_offsets":[0,16]},"output.b":{"dtype":"U8","shape":[2],"data_offsets":[16,18]},"mid.z":{"dtype":"F32","shape":[1],"data_offsets":[18,22]}})";
  static std::vector<std::byte> bytes;
  bytes.assign(8 + header.size() + 22, std::byte{});
  const std::uint64_t length = header.size();
  std::memcpy(bytes.data(), &length, 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  const float values[] = {1.0f, 2.0f, 3.0f, -4.0f};
  std::memcpy(bytes.data() + 8 + header.size(), values, 16);
  bytes[8 + header.size() + 16] = std::byte{10};
  bytes[8 + header.size() + 17] = std::byte{20};
  return io::safetensors::parse(bytes);
}

constexpr std::size_t y_shape[] = {1, 2, 1, 2};
constexpr std::size_t b_shape[] = {2};

bool passes(const golden::options& o, const std::vector<float>& y, const std::vector<std::uint8_t>& b) {
  const io::safetensors file = recorded();
  golden::session s(file, o, "test");
  s.check("output.y", y, y_shape);
  s.check_bytes("output.b", b, b_shape, 1);
  return s.finish();
}

std::optional<golden::options> parsed(std::vector<std::string> arguments) {
  std::vector<char*> argv{nullptr};
  for (std::string& a : arguments) argv.push_back(a.data());
  return golden::parse_options(static_cast<int>(argv.size()), argv.data());
}

}  // namespace

TEST_CASE("session: numbers within the tolerance pass, others do not") {
  REQUIRE(passes({}, {1.0f, 2.0f, 3.0f, -4.0f}, {10, 20}));
  REQUIRE(passes({}, {1.0003f, 2.0f, 3.0f, -4.0f}, {11, 19}));  // 0.75e-4 of the largest value
  REQUIRE_FALSE(passes({}, {1.0005f, 2.0f, 3.0f, -4.0f}, {10, 20}));
  REQUIRE_FALSE(passes({}, {1.0f, 2.0f, 3.0f, -4.0f}, {12, 20}));
  REQUIRE_FALSE(passes({}, {1.0f, std::numeric_limits<float>::quiet_NaN(), 3.0f, -4.0f}, {10, 20}));
  golden::options strict;
  strict.tolerance = 0.0;
  REQUIRE_FALSE(passes(strict, {1.0003f, 2.0f, 3.0f, -4.0f}, {10, 20}));
}

TEST_CASE("session: what is not produced fails, intermediate tensors on request") {
  const io::safetensors file = recorded();
  const golden::options o;
  golden::session nothing(file, o, "test");
  REQUIRE_FALSE(nothing.finish());
  golden::session half(file, o, "test");
  half.check("output.y", std::vector<float>{1.0f, 2.0f, 3.0f, -4.0f}, y_shape);
  REQUIRE_FALSE(half.finish());
  golden::options with_mid;
  with_mid.mid = true;
  REQUIRE_FALSE(passes(with_mid, {1.0f, 2.0f, 3.0f, -4.0f}, {10, 20}));
}

TEST_CASE("session: another shape fails, and a name that the file lacks is not compared") {
  const io::safetensors file = recorded();
  const golden::options o;
  golden::session s(file, o, "test");
  const std::size_t flat[] = {4};
  s.check("output.y", std::vector<float>{1.0f, 2.0f, 3.0f, -4.0f}, flat);
  s.check_bytes("output.b", std::vector<std::uint8_t>{10, 20}, b_shape, 1);
  REQUIRE_FALSE(s.finish());
  golden::session more(file, o, "test");
  more.check("output.other", std::vector<float>{5.0f}, flat);
  more.check("output.y", std::vector<float>{1.0f, 2.0f, 3.0f, -4.0f}, y_shape);
  more.check_bytes("output.b", std::vector<std::uint8_t>{10, 20}, b_shape, 1);
  REQUIRE(more.finish());
}

TEST_CASE("layout: maps go to token order and back") {
  const io::safetensors file = recorded();
  const golden::options o;
  const golden::session s(file, o, "test");
  const golden::map_tensor map = s.map("output.y");
  REQUIRE(map.extents() == dynamic_extents<4>(1, 1, 2, 2));
  REQUIRE(map(0, 0, 1, 0) == 2.0f);
  REQUIRE(map(0, 0, 0, 1) == 3.0f);
  REQUIRE(golden::to_file_order(map.view()) == std::vector<float>{1.0f, 2.0f, 3.0f, -4.0f});
}

TEST_CASE("options: the command line is read or refused") {
  const auto o = parsed({"folder", "--mid", "--backend", "simd", "--tolerance", "1e-3"});
  REQUIRE(o.has_value());
  REQUIRE(o->folder == "folder");
  REQUIRE(o->mid);
  REQUIRE(o->backend == "simd");
  REQUIRE(o->tolerance == 1e-3);
  REQUIRE_FALSE(parsed({}).has_value());
  REQUIRE_FALSE(parsed({"a", "b"}).has_value());
  REQUIRE_FALSE(parsed({"a", "--backend", "fpga"}).has_value());
  REQUIRE_FALSE(parsed({"a", "--tolerance", "x"}).has_value());
  REQUIRE_FALSE(parsed({"a", "--tolerance"}).has_value());
}

TEST_CASE("to_ratio: decimal numbers as configurations print them") {
  const auto same = [](double x, std::size_t numerator, std::size_t denominator) {
    const ratio r = golden::to_ratio(x);
    return r.numerator == numerator && r.denominator == denominator;
  };
  REQUIRE(same(0.0, 0, 1));
  REQUIRE(same(1e-5, 1, 100000));
  REQUIRE(same(0.0010000000000000001, 1, 1000));
  REQUIRE(same(2.5, 25, 10));
  REQUIRE(golden::to_ratio(1.0 / 3.0).value() == Approx(1.0 / 3.0));
}
