// Files for the tests of the readers: made in memory byte by byte, so that every wrong byte is deliberate.
#pragma once

#include <heddle/config.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace heddle::test {

inline void append(std::vector<std::byte>& bytes, const void* data, std::size_t size) {
  const auto* from = static_cast<const std::byte*>(data);
  bytes.insert(bytes.end(), from, from + size);
}

/// Length, header, data.
inline std::vector<std::byte> make_file(std::string_view header, std::span<const std::byte> data) {
  std::vector<std::byte> bytes;
  for (std::uint64_t length = header.size(), i = 0; i < 8; ++i)
    bytes.push_back(static_cast<std::byte>((length >> (8 * i)) & 0xffU));
  append(bytes, header.data(), header.size());
  append(bytes, data.data(), data.size());
  return bytes;
}
inline std::vector<std::byte> make_file(std::string_view header, std::size_t zero_bytes = 0) {
  return make_file(header, std::vector<std::byte>(zero_bytes));
}
/// With the padding that writers of the format put behind the header, so that the floats are aligned.
inline std::vector<std::byte> make_file(std::string_view header, const std::vector<float>& data) {
  const std::string padded = std::string(header) + std::string((8 - header.size() % 8) % 8, ' ');
  return make_file(padded, std::as_bytes(std::span(data)));
}

/// A path in the folder for temporary files that nobody else uses; what lies there is removed at the end.
class temporary_file {
  std::filesystem::path path_;

 public:
  explicit temporary_file(std::string_view name) {
    std::random_device random;
    path_ = std::filesystem::temp_directory_path() / ("heddle-" + std::to_string(random()) + "-" + std::string(name));
  }
  temporary_file(std::string_view name, const std::vector<std::byte>& bytes) : temporary_file(name) {
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  ~temporary_file() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string path() const { return path_.string(); }
};

inline std::vector<std::byte> bytes_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::byte> bytes;
  for (char c = 0; file.get(c);) bytes.push_back(static_cast<std::byte>(c));
  return bytes;
}

#if HEDDLE_HAS_EXCEPTIONS
/// What `f` throws says.
template <class Error, class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "(nothing was thrown)";
}
#endif

}  // namespace heddle::test
