#include <heddle/io/bind.hpp>

#include "tests/io/files.hpp"
#include "tests/support/catch.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

using heddle::io::bind;
using heddle::io::bind_report;
using heddle::io::check;
using heddle::io::key_map;
using heddle::io::safetensors;
using heddle::test::make_file;
using heddle::test::temporary_file;

namespace {

struct affine {
  heddle::parameter<2, 3> weight;
  heddle::parameter<2> bias;
  static constexpr auto members() { return heddle::members<&affine::weight, &affine::bias>("weight", "bias"); }
};

struct statistics {
  heddle::buffer<2> running_mean;
  heddle::no_parameter absent;
  static constexpr auto members() {
    return heddle::members<&statistics::running_mean, &statistics::absent>("running_mean", "absent");
  }
};

struct network {
  affine fc;
  statistics bn;
  float prepared = 0.0f;
  static constexpr auto members() { return heddle::members<&network::fc, &network::bn>("fc", "bn"); }
  template <class Backend>
  void prepare(const Backend&) {
    prepared = fc.bias.span()[1];
  }
};

struct fragile {
  heddle::parameter<1> a;
  static constexpr auto members() { return heddle::members<&fragile::a>("a"); }
  template <class Backend>
  void prepare(const Backend&) {
    heddle::detail::raise<heddle::weight_error>("no");
  }
};

constexpr const char* sound =
    R"({"fc.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"fc.bias":{"dtype":"F32","shape":[2],"data_offsets":[24,32]},)"
    R"("bn.running_mean":{"dtype":"F32","shape":[2],"data_offsets":[32,40]}})";
const std::vector<float> numbers{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

std::vector<float> values(std::span<const float> span) { return {span.begin(), span.end()}; }

}  // namespace

TEST_CASE("f32 tensors are bound where they lie and keep the file's memory", "[io]") {
  network net;
  {
    const temporary_file on_disk("sound.safetensors", make_file(sound, numbers));
    const safetensors file{on_disk.path()};
    bind(net, file);
    REQUIRE(reinterpret_cast<const std::byte*>(net.fc.weight.data()) == file.bytes(file[0]).data());
    REQUIRE(net.fc.weight.owner() == file.owner());
  }
  REQUIRE(values(net.fc.weight.span()) == std::vector<float>{1, 2, 3, 4, 5, 6});
  REQUIRE(values(net.fc.bias.span()) == std::vector<float>{7, 8});
  REQUIRE(values(net.bn.running_mean.span()) == std::vector<float>{9, 10});
  REQUIRE(net.prepared == 8.0f);
  const network copy = net;
  REQUIRE(copy.fc.bias.data() == net.fc.bias.data());
}

TEST_CASE("other floating types and unaligned data are converted into one allocation", "[io]") {
  const std::vector<std::uint8_t> data{0x00, 0x3c, 0x00, 0x40, 0x00, 0x42, 0x00, 0x44, 0x00, 0x45, 0x00, 0x46,  // f16 1..6
                                       0xe0, 0x40, 0x00, 0x41,                                                  // bf16 7, 8
                                       0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x22, 0x40, 0x00, 0x00, 0x00, 0x00,
                                       0x00, 0x00, 0x24, 0x40};  // f64 9, 10
  const std::vector<std::byte> bytes = make_file(
      R"({"fc.weight":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]},"fc.bias":{"dtype":"BF16","shape":[2],"data_offsets":[12,16]},)"
      R"("bn.running_mean":{"dtype":"F64","shape":[2],"data_offsets":[16,32]}})",
      std::as_bytes(std::span(data)));
  network net;
  bind(net, safetensors::parse(bytes));
  REQUIRE(values(net.fc.weight.span()) == std::vector<float>{1, 2, 3, 4, 5, 6});
  REQUIRE(values(net.fc.bias.span()) == std::vector<float>{7, 8});
  REQUIRE(values(net.bn.running_mean.span()) == std::vector<float>{9, 10});
  REQUIRE(net.fc.weight.owner() != nullptr);
  REQUIRE(net.fc.weight.owner() == net.bn.running_mean.owner());
  REQUIRE(reinterpret_cast<std::uintptr_t>(net.fc.bias.data()) % heddle::memory_alignment == 0);

  std::vector<std::byte> shifted(1);
  const std::vector<std::byte> file = make_file(sound, numbers);
  heddle::test::append(shifted, file.data(), file.size());
  network other;
  bind(other, safetensors::parse(std::span(shifted).subspan(1)));
  REQUIRE(values(other.fc.weight.span()) == std::vector<float>{1, 2, 3, 4, 5, 6});
  REQUIRE(reinterpret_cast<std::uintptr_t>(other.fc.weight.data()) % alignof(float) == 0);
}

TEST_CASE("one report of everything that does not fit", "[io]") {
  const std::vector<std::byte> bytes = make_file(
      R"({"fc.weight":{"dtype":"F32","shape":[3,2],"data_offsets":[0,24]},"fc.bias":{"dtype":"I64","shape":[2],"data_offsets":[24,40]},)"
      R"("bn.num_batches_tracked":{"dtype":"I64","shape":[],"data_offsets":[40,48]},"head":{"dtype":"F16","shape":[1,2],"data_offsets":[48,52]}})",
      std::size_t{52});
  const safetensors file = safetensors::parse(bytes);
  const bind_report report = check(network{}, file);
  REQUIRE_FALSE(report.ok());
  REQUIRE(report.problems() == 5);
  REQUIRE(report.text() ==
          "safetensors in memory does not fit the model of 3 tensors: 1 missing, 2 unexpected, 1 mis-shaped, 1 mis-typed"
          "\n  missing: \"bn.running_mean\" [2]"
          "\n  unexpected: \"bn.num_batches_tracked\" I64 []"
          "\n  unexpected: \"head\" F16 [1, 2]"
          "\n  mis-shaped: \"fc.weight\": expected [2, 3], got [3, 2]"
          "\n  mis-typed: \"fc.bias\": stored as I64, expected F32, F16, BF16, F64 or F8");
  REQUIRE(check(network{}, file, key_map{}.ignore("**.num_batches_tracked").ignore("head")).unexpected.empty());

  const std::vector<std::byte> good = make_file(sound, numbers);
  REQUIRE(check(network{}, safetensors::parse(good)).ok());
  REQUIRE(check(network{}, safetensors::parse(good)).text() ==
          "safetensors in memory fits the model of 3 tensors: 0 missing, 0 unexpected, 0 mis-shaped, 0 mis-typed");
}

TEST_CASE("shapes must be equal, not only their number of elements", "[io]") {
  struct pointwise {
    heddle::parameter<2, 3, 1, 1> weight;
    static constexpr auto members() { return heddle::members<&pointwise::weight>("weight"); }
  };
  for (const char* shape : {"[2,3]", "[6]", "[1,2,3,1]", "[2,3,1,1,1]"}) {
    const std::vector<std::byte> bytes =
        make_file(std::string(R"({"weight":{"dtype":"F32","shape":)") + shape + R"(,"data_offsets":[0,24]}})", std::size_t{24});
    REQUIRE(check(pointwise{}, safetensors::parse(bytes)).mis_shaped.size() == 1);
  }
  const std::vector<std::byte> bytes =
      make_file(R"({"weight":{"dtype":"F32","shape":[2,3,1,1],"data_offsets":[0,24]}})", std::size_t{24});
  REQUIRE(check(pointwise{}, safetensors::parse(bytes)).ok());
}

TEST_CASE("parts of a fused tensor are bound in place", "[io]") {
  struct attention {
    affine q, k;
    static constexpr auto members() { return heddle::members<&attention::q, &attention::k>("q", "k"); }
  };
  const std::vector<std::byte> bytes = make_file(
      R"({"qk.weight":{"dtype":"F32","shape":[4,3],"data_offsets":[0,48]},"qk.bias":{"dtype":"F16","shape":[4],"data_offsets":[48,56]}})",
      std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 0});
  const safetensors file = safetensors::parse(bytes);
  attention net;
  bind(net, file, key_map{}.split("q", "qk", 0, 2).split("k", "qk", 1, 2));
  REQUIRE(values(net.q.weight.span()) == std::vector<float>{0, 1, 2, 3, 4, 5});
  REQUIRE(values(net.k.weight.span()) == std::vector<float>{6, 7, 8, 9, 10, 11});
  REQUIRE(reinterpret_cast<const std::byte*>(net.k.weight.data()) == file.bytes(file[0]).data() + 24);

  const bind_report report = check(net, file, key_map{}.split("q", "qk", 0, 3).split("k", "qk", 1, 3));
  REQUIRE(report.mis_shaped.size() == 4);
  REQUIRE(report.mis_shaped.front() == "\"q.weight\" (in the file \"qk.weight\"): expected [6, 3], got [4, 3]");
}

TEST_CASE("separate tensors are joined into one, with zeros where there is none", "[io]") {
  struct fused {
    heddle::parameter<4, 2> weight;
    heddle::parameter<3> bias;
    static constexpr auto members() { return heddle::members<&fused::weight, &fused::bias>("weight", "bias"); }
  };
  const std::vector<std::byte> bytes = make_file(
      R"({"q.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"k.weight":{"dtype":"F32","shape":[3,2],"data_offsets":[8,32]},)"
      R"("q.bias":{"dtype":"F32","shape":[1],"data_offsets":[32,36]},"v.bias":{"dtype":"F32","shape":[1],"data_offsets":[36,40]}})",
      numbers);
  const safetensors file = safetensors::parse(bytes);
  key_map map;
  map.join("weight", {"q.weight", "k.weight"}).join("bias", {"q.bias", "", "v.bias"});
  fused net;
  bind(net, file, map);
  REQUIRE(values(net.weight.span()) == std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8});
  REQUIRE(values(net.bias.span()) == std::vector<float>{9, 0, 10});

  key_map wrong;
  wrong.join("weight", {"q.weight", "q.weight"}).join("bias", {"q.bias", "k.weight", "x.bias"});
  const bind_report report = check(net, file, wrong);
  REQUIRE(report.mis_shaped == std::vector<std::string>{"\"weight\": expected [4, 2], its parts in the file have 2 rows",
                                                        "\"bias\" (in the file \"k.weight\"): expected [3], got [3, 2]"});
  REQUIRE(report.missing == std::vector<std::string>{"\"bias\" (in the file \"x.bias\") [3]"});
}

TEST_CASE("a checkpoint of several files", "[io]") {
  const std::vector<std::byte> first =
      make_file(R"({"fc.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})", std::vector<float>{1, 2, 3, 4, 5, 6});
  const std::vector<std::byte> second = make_file(
      R"({"fc.bias":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"bn.running_mean":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})",
      std::vector<float>{7, 8, 9, 10});
  std::vector<safetensors> files;
  files.push_back(safetensors::parse(first));
  files.push_back(safetensors::parse(second));
  network net;
  bind(net, std::span<const safetensors>(files));
  REQUIRE(values(net.fc.weight.span()) == std::vector<float>{1, 2, 3, 4, 5, 6});
  REQUIRE(values(net.bn.running_mean.span()) == std::vector<float>{9, 10});
}

TEST_CASE("tied weights are one tensor under two parameters", "[io]") {
  struct tied {
    heddle::parameter<2> a, b;
    static constexpr auto members() { return heddle::members<&tied::a, &tied::b>("a", "b"); }
  };
  const std::vector<std::byte> bytes =
      make_file(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", std::vector<float>{1, 2});
  tied net;
  bind(net, safetensors::parse(bytes), key_map{}.rename("b", "a"));
  REQUIRE(net.a.data() == net.b.data());
}

#if HEDDLE_HAS_EXCEPTIONS
TEST_CASE("a model that does not fit stays as it was", "[io]") {
  network net;
  const std::vector<std::byte> good = make_file(sound, numbers);
  bind(net, safetensors::parse(good));
  const float* before = net.fc.weight.data();
  const std::vector<std::byte> bad =
      make_file(R"({"fc.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})", std::size_t{24});
  const std::string message = heddle::test::message_of<heddle::weight_error>([&] { bind(net, safetensors::parse(bad)); });
  REQUIRE(message ==
          "safetensors in memory does not fit the model of 3 tensors: 2 missing, 0 unexpected, 0 mis-shaped, 0 mis-typed"
          "\n  missing: \"fc.bias\" [2]"
          "\n  missing: \"bn.running_mean\" [2]");
  REQUIRE(net.fc.weight.data() == before);
  REQUIRE(net.fc.bias.is_bound());
  REQUIRE(net.prepared == 8.0f);
}

TEST_CASE("a model whose preparation fails stays as it was", "[io]") {
  const std::vector<std::byte> bytes =
      make_file(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", std::vector<float>{1});
  fragile net;
  REQUIRE_THROWS_AS(bind(net, safetensors::parse(bytes)), heddle::weight_error);
  REQUIRE_FALSE(net.a.is_bound());
}
#endif
