/// @file
/// NumPy's files of one array (.npy): test inputs, images, results to be plotted.
///
/// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../core/error.hpp"
#include "convert.hpp"
#include "file_bytes.hpp"
#include "file_writer.hpp"
#include "report.hpp"
#include "safetensors_header.hpp"
#include "safetensors_writer.hpp"

namespace heddle::inline v0::io {

namespace detail {

struct npy_type {
  std::string_view name;
  dtype type;
};
/// Little-endian types that the library stores; NumPy has no bfloat16.
inline constexpr std::array<npy_type, 12> npy_types{{{"<f4", dtype::f32},
                                                     {"<f2", dtype::f16},
                                                     {"<f8", dtype::f64},
                                                     {"<i8", dtype::i64},
                                                     {"<i4", dtype::i32},
                                                     {"<i2", dtype::i16},
                                                     {"|i1", dtype::i8},
                                                     {"<u8", dtype::u64},
                                                     {"<u4", dtype::u32},
                                                     {"<u2", dtype::u16},
                                                     {"|u1", dtype::u8},
                                                     {"|b1", dtype::boolean}}};

inline constexpr std::string_view npy_magic = "\x93NUMPY";

struct npy_header {
  dtype type = dtype::f32;
  std::vector<std::size_t> shape{};
  std::size_t data_offset = 0;
  std::string problem{};  ///< why the file is refused; empty if it is not
};

/// Reads the dictionary of a header: exactly what NumPy writes, `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`
/// with its keys in any order.
class npy_parser {
  std::string_view text_;
  npy_header& out_;

 public:
  npy_parser(std::string_view text, npy_header& out) : text_(text), out_(out) {}

  bool parse() {
    bool has_type = false, has_order = false, has_shape = false;
    if (!accept("{")) return fail("expected a dictionary");
    while (!accept("}")) {
      if (!has_type && accept("'descr'")) {
        has_type = true;
        if (!accept(":") || !type()) return fail("'descr' is of no supported type");
      } else if (!has_order && accept("'fortran_order'")) {
        has_order = true;
        if (!accept(":") || !accept("False")) return fail("'fortran_order' must be False");
      } else if (!has_shape && accept("'shape'")) {
        has_shape = true;
        if (!accept(":") || !shape()) return fail("'shape' is no tuple of sizes");
      } else {
        return fail("expected 'descr', 'fortran_order' and 'shape', each once");
      }
      if (!accept(",") && text_.substr(0, 1) != "}") return fail("expected ',' or '}'");
    }
    skip_space();
    if (!text_.empty()) return fail("text after the dictionary");
    return (has_type && has_order && has_shape) || fail("expected 'descr', 'fortran_order' and 'shape', each once");
  }

 private:
  bool fail(std::string_view what) {
    out_.problem = concat({"header: ", what});
    return false;
  }

  void skip_space() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\n')) text_.remove_prefix(1);
  }

  /// Takes white space and then `word`, if it follows.
  bool accept(std::string_view word) {
    skip_space();
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }

  bool type() {
    for (const npy_type& candidate : npy_types)
      for (const std::string& spelling : {concat({"'", candidate.name, "'"}), concat({"\"", candidate.name, "\""})})
        if (accept(spelling)) {
          out_.type = candidate.type;
          return true;
        }
    return false;
  }

  bool shape() {
    if (!accept("(")) return false;
    while (!accept(")")) {
      std::size_t value = 0;
      if (out_.shape.size() == largest_rank || !number(value)) return false;
      out_.shape.push_back(value);
      skip_space();
      if (!accept(",") && text_.substr(0, 1) != ")") return false;
    }
    return true;
  }

  bool number(std::size_t& value) {
    skip_space();
    std::size_t digits = 0;
    for (; digits < text_.size() && text_[digits] >= '0' && text_[digits] <= '9'; ++digits) {
      const auto digit = static_cast<std::size_t>(text_[digits] - '0');
      if (value > (std::numeric_limits<std::size_t>::max() - digit) / 10) return false;
      value = value * 10 + digit;
    }
    text_.remove_prefix(digits);
    return digits != 0;
  }
};

/// Reads and checks the header of a whole file; reads nothing outside it.
inline npy_header parse_npy(std::span<const std::byte> file) {
  npy_header out;
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  const auto refuse = [&](std::string problem) {
    out.problem = std::move(problem);
    return out;
  };
  if (file.size() < 12 || !text.starts_with(npy_magic)) return refuse("no .npy file");
  const int version = std::to_integer<int>(file[6]);
  if (version < 1 || version > 3)
    return refuse(concat({"version ", std::to_string(version), " of the format is not supported"}));
  const std::size_t start = version == 1 ? 10 : 12;
  const std::size_t length =
      version == 1 ? load_little_endian<std::uint16_t>(file.data() + 8) : load_little_endian<std::uint32_t>(file.data() + 8);
  if (length > file.size() - start) return refuse("the header is beyond the end of the file");
  out.data_offset = start + length;
  if (!npy_parser(text.substr(start, length), out).parse()) return out;
  std::size_t bytes = size_of(out.type);
  for (const std::size_t extent : out.shape) {
    if (extent != 0 && bytes > std::numeric_limits<std::size_t>::max() / extent)
      return refuse(concat({"shape ", to_string(out.shape), " has more elements than memory can hold"}));
    bytes *= extent;
  }
  if (bytes != file.size() - out.data_offset)
    return refuse(concat({"shape ", to_string(out.shape), " of ", name_of(out.type), " takes ", std::to_string(bytes),
                          " bytes, the file has ", std::to_string(file.size() - out.data_offset)}));
  return out;
}

}  // namespace detail

/// One array from a .npy file: row-major, little-endian, of any type the library stores. Arrays of objects, structures or
/// Fortran order are refused.
/// @code
/// const heddle::io::npy image{"image.npy"};
/// const std::vector<float> pixels = image.floats();
/// @endcode
class npy {
  std::string path_{};
  detail::shared_bytes memory_{};
  detail::npy_header header_{};

 public:
  /// Maps the file where the system can, else reads it.
  /// @throws file_error if it cannot be opened or is no sound .npy file.
  explicit npy(const std::string& path) : npy(path, detail::map_file(path)) {}
  npy(const std::string& path, read_whole_t) : npy(path, detail::read_file(path)) {}

  /// A file that is in memory already and that the caller (or `owner`) keeps there.
  static npy parse(std::span<const std::byte> bytes, shared_owner owner = {}) {
    return npy("npy in memory", detail::shared_bytes{bytes, std::move(owner)});
  }

  dtype type() const noexcept { return header_.type; }
  const std::vector<std::size_t>& shape() const noexcept { return header_.shape; }
  /// Number of elements.
  std::size_t size() const noexcept { return bytes().size() / size_of(header_.type); }
  std::span<const std::byte> bytes() const noexcept { return memory_.bytes.subspan(header_.data_offset); }

  /// The elements as floats.
  /// @throws weight_error if they are integers.
  std::vector<float> floats() const {
    require_floating(true);
    std::vector<float> values(size());
    detail::load_floats(header_.type, bytes().data(), values.data(), values.size());
    return values;
  }

  /// The elements as integers.
  /// @throws weight_error if they are floating-point numbers.
  std::vector<std::int64_t> integers() const {
    require_floating(false);
    std::vector<std::int64_t> values(size());
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = detail::load_integer(header_.type, bytes().data() + i * size_of(header_.type));
    return values;
  }

 private:
  npy(std::string path, detail::shared_bytes memory)
      : path_(std::move(path)), memory_(std::move(memory)), header_(detail::parse_npy(memory_.bytes)) {
    if (!header_.problem.empty()) heddle::detail::raise<file_error>(detail::concat({path_, ": ", header_.problem}));
  }

  void require_floating(bool wanted) const {
    if (is_floating(header_.type) != wanted)
      heddle::detail::raise<weight_error>(detail::concat(
          {path_, ": holds ", name_of(header_.type), ", expected ", wanted ? "floating-point numbers" : "integers"}));
  }
};

/// Writes a contiguous view to a .npy file, whole or not at all.
/// @throws file_error if the file cannot be written.
template <class T, class Extents>
void write_npy(const std::string& path, const view<T, Extents>& values) {
  const tensor_entry entry = make_entry("", values);
  const auto* found =
      std::find_if(detail::npy_types.begin(), detail::npy_types.end(), [&](const auto& t) { return t.type == entry.type; });
  if (found == detail::npy_types.end())
    heddle::detail::raise<file_error>(detail::concat({path, ": .npy has no type for ", name_of(entry.type)}));
  std::string text = detail::concat({"{'descr': '", found->name, "', 'fortran_order': False, 'shape': ("});
  for (const std::size_t extent : entry.shape) text.append(std::to_string(extent)).append(", ");
  if (entry.shape.size() > 1) text.resize(text.size() - 2);  // (3, 4), but (3,)
  if (entry.shape.size() == 1) text.pop_back();
  text.append("), }");
  text.append(63 - (10 + text.size()) % 64, ' ').push_back('\n');  // the data begin at a multiple of 64 bytes
  std::string start(detail::npy_magic);
  start.append({'\1', '\0', static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)}).append(text);
  detail::file_writer file(path);
  file.write({reinterpret_cast<const std::byte*>(start.data()), start.size()});
  detail::write_elements(file, entry);
  file.commit();
}

}  // namespace heddle::inline v0::io
