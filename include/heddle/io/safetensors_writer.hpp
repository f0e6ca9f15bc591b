/// @file
/// Writing safetensors files.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "../core/dtype.hpp"
#include "../core/error.hpp"
#include "../core/view.hpp"
#include "convert.hpp"
#include "file_writer.hpp"
#include "report.hpp"
#include "safetensors_header.hpp"

namespace heddle::inline v0::io {

/// A tensor to write: row-major elements of `type` at `data`, which the caller keeps alive. `stored` is the type in the
/// file; floats (f32) may be stored as f16 or bf16, rounded to nearest, everything else only as it is.
struct tensor_entry {
  std::string name{};
  std::vector<std::size_t> shape{};
  const void* data = nullptr;
  dtype type = dtype::f32;
  dtype stored = dtype::f32;

  std::size_t size() const noexcept {
    std::size_t n = 1;
    for (const std::size_t extent : shape) n *= extent;
    return n;
  }
};

namespace detail {

template <class T>
consteval dtype dtype_for() {
  if constexpr (std::is_same_v<T, float>) {
    return dtype::f32;
  } else if constexpr (std::is_same_v<T, half>) {
    return dtype::f16;
  } else if constexpr (std::is_same_v<T, bfloat16>) {
    return dtype::bf16;
  } else if constexpr (std::is_same_v<T, double>) {
    return dtype::f64;
  } else if constexpr (std::is_same_v<T, bool>) {
    return dtype::boolean;
  } else {
    static_assert(std::is_integral_v<T> && (std::is_signed_v<T> || sizeof(T) == 1),
                  "heddle::io: files have no type for these elements");
    return sizeof(T) == 8        ? dtype::i64
           : sizeof(T) == 4      ? dtype::i32
           : sizeof(T) == 2      ? dtype::i16
           : std::is_signed_v<T> ? dtype::i8
                                 : dtype::u8;
  }
}

}  // namespace detail

/// A tensor to write from a contiguous view.
template <class T, class Extents>
tensor_entry make_entry(std::string name, const view<T, Extents>& values) {
  constexpr dtype type = detail::dtype_for<std::remove_cv_t<T>>();
  tensor_entry entry{std::move(name), {}, values.data_handle(), type, type};
  for (std::size_t r = 0; r < Extents::rank(); ++r) entry.shape.push_back(values.extent(r));
  return entry;
}

/// A tensor of floats to write as another type.
template <class T, class Extents>
  requires std::is_same_v<std::remove_cv_t<T>, float>
tensor_entry make_entry(std::string name, const view<T, Extents>& values, dtype stored) {
  tensor_entry entry = make_entry(std::move(name), values);
  entry.stored = stored;
  return entry;
}

namespace detail {

/// Appends a JSON string. Bytes above 0x7f go through as they are: the reader's check of the header finds what is no UTF-8.
inline void append_json(std::string& text, std::string_view value) {
  constexpr std::string_view digits = "0123456789abcdef";
  text.push_back('"');
  for (const char c : value) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text.push_back('\\');
      text.push_back(c);
    } else if (u < 0x20) {
      text.append("\\u00");
      text.push_back(digits[u >> 4]);
      text.push_back(digits[u & 15]);
    } else {
      text.push_back(c);
    }
  }
  text.push_back('"');
}

inline void append_json(std::string& text, const metadata_list& metadata) {
  text.append("\"__metadata__\":{");
  for (std::size_t i = 0; i < metadata.size(); ++i) {
    if (i != 0) text.push_back(',');
    append_json(text, metadata[i].first);
    text.push_back(':');
    append_json(text, metadata[i].second);
  }
  text.push_back('}');
}

/// The JSON of the header, padded with spaces so that the data begin at a multiple of eight bytes.
inline std::string make_header(std::span<const tensor_entry> entries, const metadata_list& metadata) {
  std::string text = "{";
  if (!metadata.empty()) append_json(text, metadata);
  std::size_t offset = 0;
  for (const tensor_entry& entry : entries) {
    if (text.size() > 1) text.push_back(',');
    const std::size_t end = offset + entry.size() * size_of(entry.stored);
    append_json(text, entry.name);
    text.append(concat({":{\"dtype\":\"", name_of(entry.stored), "\",\"shape\":["}));
    for (std::size_t i = 0; i < entry.shape.size(); ++i) text.append(i == 0 ? "" : ",").append(std::to_string(entry.shape[i]));
    text.append(concat({"],\"data_offsets\":[", std::to_string(offset), ",", std::to_string(end), "]}"}));
    offset = end;
  }
  text.push_back('}');
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

/// Refuses what a reader would refuse, by asking the reader.
inline void check_header(const std::string& path, std::span<const tensor_entry> entries, const std::string& text) {
  header read;
  std::size_t bytes = 0;
  for (const tensor_entry& entry : entries) {
    bytes += entry.size() * size_of(entry.stored);
    const bool narrowed = entry.type == dtype::f32 && (entry.stored == dtype::f16 || entry.stored == dtype::bf16);
    if (entry.stored != entry.type && !narrowed)
      read.problems.add(
          concat({"tensor ", quoted(entry.name), ": ", name_of(entry.type), " cannot be stored as ", name_of(entry.stored)}));
    if (entry.data == nullptr && entry.size() != 0) read.problems.add(concat({"tensor ", quoted(entry.name), ": no data"}));
  }
  if (text.size() > largest_header) read.problems.add("the header is above the format's limit of 100000000 bytes");
  header_parser(text, bytes, read).parse();
  if (!read.problems.empty())
    heddle::detail::raise<file_error>(
        concat({path, ": not written for ", counted(read.problems.size(), "problem"), read.problems.text()}));
}

/// The elements of an entry as the file has them, in pieces that fit the cache.
inline void write_elements(file_writer& file, const tensor_entry& entry) {
  const auto* from = static_cast<const std::byte*>(entry.data);
  const std::size_t count = entry.size();
  if (entry.stored == entry.type && std::endian::native == std::endian::little) {
    file.write({from, count * size_of(entry.type)});
    return;
  }
  constexpr std::size_t piece = 4096;
  std::vector<std::byte> buffer(piece * 8);
  const std::size_t out = size_of(entry.stored);
  for (std::size_t first = 0; first < count; first += piece) {
    const std::size_t n = count - first < piece ? count - first : piece;
    const std::byte* at = from + first * size_of(entry.type);
    if (entry.type == dtype::f32) {
      store_floats(entry.stored, reinterpret_cast<const float*>(at), buffer.data(), n);
    } else {  // a big-endian host: turn the bytes of every element round
      for (std::size_t i = 0; i < n * out; ++i) buffer[i] = at[i / out * out + (out - 1 - i % out)];
    }
    file.write({buffer.data(), n * out});
  }
}

}  // namespace detail

/// Writes tensors in the order given. The file is there whole or not at all: it is written under another name in the same
/// folder and then renamed. The same entries give the same bytes.
/// @code
/// heddle::io::write_safetensors("out.safetensors", {{heddle::io::make_entry("image", image.view(), heddle::dtype::f16)}});
/// @endcode
/// @throws file_error if the tensors cannot be a file (names twice, types that are not converted), with all reasons, or if
/// the file cannot be written.
inline void write_safetensors(const std::string& path, std::span<const tensor_entry> entries,
                              const metadata_list& metadata = {}) {
  const std::string text = detail::make_header(entries, metadata);
  detail::check_header(path, entries, text);
  detail::file_writer file(path);
  std::byte length[detail::length_bytes];
  detail::store_little_endian(static_cast<std::uint64_t>(text.size()), length);
  file.write(length);
  file.write({reinterpret_cast<const std::byte*>(text.data()), text.size()});
  for (const tensor_entry& entry : entries) detail::write_elements(file, entry);
  file.commit();
}
inline void write_safetensors(const std::string& path, const std::vector<tensor_entry>& entries,
                              const metadata_list& metadata = {}) {
  write_safetensors(path, std::span<const tensor_entry>(entries), metadata);
}

}  // namespace heddle::inline v0::io
