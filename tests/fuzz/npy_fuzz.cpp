// libFuzzer target: any bytes as a .npy file, as they are and as the dictionary of a version 1 header with some data.
#include <heddle/io/npy.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

namespace {

void parse(std::span<const std::byte> bytes) {
  try {
    const heddle::io::npy array = heddle::io::npy::parse(bytes);
    const std::size_t count = heddle::io::is_floating(array.type()) ? array.floats().size() : array.integers().size();
    if (count != array.size() || count * heddle::size_of(array.type()) != array.bytes().size()) std::abort();
  } catch (const heddle::file_error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  parse(bytes);
  if (size > 0xffff) return 0;
  std::vector<std::byte> framed;
  for (const char c : heddle::io::detail::npy_magic) framed.push_back(static_cast<std::byte>(c));
  for (const std::size_t b : {std::size_t{1}, std::size_t{0}, size & 0xff, size >> 8})
    framed.push_back(static_cast<std::byte>(b));
  framed.insert(framed.end(), bytes.begin(), bytes.end());
  framed.resize(framed.size() + 48);
  parse(framed);
  return 0;
}
