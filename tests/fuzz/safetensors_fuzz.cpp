// libFuzzer target: any bytes as a safetensors file. A file is refused with file_error or it is sound; what is accepted
// is read to the last byte, so that the address sanitizer sees every wrong range.
#include <heddle/io/safetensors.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

namespace {

using heddle::io::safetensors;

void must_hold(bool condition) {
  if (!condition) std::abort();
}

void use(const safetensors& file, std::size_t data_bytes) {
  std::size_t covered = 0;
  for (const heddle::io::stored_tensor& t : file) {
    covered += t.bytes();
    must_hold(file.find(t.name) == &t);
    must_hold(t.end <= data_bytes && t.size() * heddle::size_of(t.type) == t.bytes());
    const bool floating = heddle::io::is_floating(t.type);
    must_hold((floating ? file.floats(t.name).size() : file.integers(t.name).size()) == t.size());
  }
  must_hold(covered == data_bytes);
}

/// Parses the bytes as they are; true where they are a file.
bool parse(std::span<const std::byte> bytes) {
  try {
    const safetensors file = safetensors::parse(bytes);
    std::uint64_t header = 0;
    std::memcpy(&header, bytes.data(), sizeof(header));
    use(file, bytes.size() - 8 - static_cast<std::size_t>(header));
    return true;
  } catch (const heddle::file_error& e) {
    must_hold(std::strlen(e.what()) < 1'000'000);
    return false;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  parse(bytes);
  // Most mutations miss the eight bytes of length. The same bytes as a header in front of a little data reach further.
  std::vector<std::byte> framed(8 + size + 64);
  const std::uint64_t length = size;
  std::memcpy(framed.data(), &length, sizeof(length));
  if (size != 0) std::memcpy(framed.data() + 8, data, size);
  for (std::size_t tail : {std::size_t{0}, std::size_t{4}, std::size_t{64}}) parse(std::span(framed).first(8 + size + tail));
  return 0;
}
