/// @file
/// The header of a safetensors file: eight bytes of length, then JSON that lists the tensors. Read here with every check
/// that the format asks for, because a weight file may come from anywhere.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../core/dtype.hpp"
#include "convert.hpp"
#include "json_reader.hpp"
#include "report.hpp"

namespace heddle::inline v0::io {

/// A tensor as a file describes it. `begin` and `end` are byte offsets in the data section of the file.
struct stored_tensor {
  std::string name{};
  dtype type = dtype::f32;
  std::vector<std::size_t> shape{};
  std::size_t begin = 0;
  std::size_t end = 0;

  std::size_t bytes() const noexcept { return end - begin; }
  /// Number of elements.
  std::size_t size() const noexcept { return bytes() / size_of(type); }
};

/// The free texts of a file, in its order: what made it, which format the tensors are in.
using metadata_list = std::vector<std::pair<std::string, std::string>>;

namespace detail {

inline constexpr std::size_t length_bytes = 8;
/// The format's own limit of its header.
inline constexpr std::size_t largest_header = 100'000'000;
inline constexpr std::size_t largest_rank = 32;

/// What a header says, or why it is refused (`problems` is then not empty).
struct header {
  std::vector<stored_tensor> tensors{};
  metadata_list metadata{};
  std::size_t data_offset = 0;
  problem_list problems{};
};

/// Reads the JSON of a header and checks its tensors against the `data_bytes` bytes that follow it.
class header_parser {
  json_reader json_;
  std::size_t data_bytes_;
  header& out_;
  bool has_metadata_ = false;

  /// The fields of one tensor while they are read; any order, each once.
  struct fields {
    std::string dtype_name{};
    std::vector<std::size_t> shape{};
    std::vector<std::size_t> offsets{};
    bool has_dtype = false, has_shape = false, has_offsets = false;
  };

 public:
  header_parser(std::string_view text, std::size_t data_bytes, header& out) : json_(text), data_bytes_(data_bytes), out_(out) {}

  HEDDLE_COLD void parse() {
    // White space may follow the JSON as padding, but the format lets none come before it.
    const bool starts = json_.starts_with('{') || json_.fail("expected '{' at the start");
    const bool read = starts && json_.object([this](const std::string& key) {
      return key == "__metadata__" ? metadata() : tensor(key);
    }) && json_.end();
    if (!read) {
      out_.problems.add(concat({"header: ", json_.error()}));
      return;
    }
    check_names();
    check_layout();
  }

 private:
  HEDDLE_COLD bool metadata() {
    if (has_metadata_) return json_.fail("a second __metadata__");
    has_metadata_ = true;
    return json_.object([this](const std::string& key) {
      std::string value;
      if (!json_.string(value)) return false;
      out_.metadata.emplace_back(key, std::move(value));
      return true;
    });
  }

  HEDDLE_COLD bool tensor(const std::string& name) {
    fields f;
    const bool read = json_.object([&](const std::string& key) { return field(f, key); });
    if (!read) return false;
    check_tensor(name, f);
    return true;
  }

  HEDDLE_COLD bool field(fields& f, const std::string& key) {
    bool* seen = key == "dtype"          ? &f.has_dtype
                 : key == "shape"        ? &f.has_shape
                 : key == "data_offsets" ? &f.has_offsets
                                         : nullptr;
    if (seen == nullptr) return json_.fail(concat({"expected dtype, shape or data_offsets, got ", quoted(key)}));
    if (*seen) return json_.fail(concat({"a second ", key}));
    *seen = true;
    if (seen == &f.has_dtype) return json_.string(f.dtype_name);
    return seen == &f.has_shape ? numbers(f.shape, largest_rank) : numbers(f.offsets, 2);
  }

  HEDDLE_COLD bool numbers(std::vector<std::size_t>& list, std::size_t longest) {
    return json_.array([&] {
      std::uint64_t value = 0;
      if (!json_.integer(value)) return false;
      if (value > std::numeric_limits<std::size_t>::max()) return json_.fail("number beyond the memory of this machine");
      if (list.size() == longest) return json_.fail(concat({"more than ", std::to_string(longest), " numbers"}));
      list.push_back(static_cast<std::size_t>(value));
      return true;
    });
  }

  HEDDLE_COLD void problem(std::string_view name, std::initializer_list<std::string_view> what) {
    out_.problems.add(concat({"tensor ", quoted(name), ": ", concat(what)}));
  }

  /// "[0, 64]"
  HEDDLE_COLD static std::string range(std::size_t begin, std::size_t end) {
    return concat({"[", std::to_string(begin), ", ", std::to_string(end), "]"});
  }

  /// The checks that concern one tensor alone. What fails them is not kept.
  HEDDLE_COLD void check_tensor(const std::string& name, fields& f) {
    if (!f.has_dtype || !f.has_shape || f.offsets.size() != 2) {
      problem(name, {!f.has_dtype ? "no dtype" : !f.has_shape ? "no shape" : "data_offsets must be two numbers"});
      return;
    }
    const std::optional<dtype> type = dtype_of(f.dtype_name);
    const std::size_t begin = f.offsets[0];
    const std::size_t end = f.offsets[1];
    const std::string offsets = concat({"data_offsets ", range(begin, end)});
    bool ok = true;
    const auto refuse = [&](std::initializer_list<std::string_view> what) {
      ok = false;
      problem(name, what);
    };
    if (!type) refuse({"dtype ", quoted(f.dtype_name), " is not supported"});
    if (begin > end) refuse({offsets, " end before they begin"});
    if (end > data_bytes_) refuse({offsets, " end outside the ", std::to_string(data_bytes_), " bytes of data"});
    if (type && begin <= end) {
      const std::optional<std::size_t> needed = bytes_of(*type, f.shape);
      if (!needed) {
        refuse({"shape ", to_string(f.shape), " has more elements than memory can hold"});
      } else if (*needed != end - begin) {
        refuse({"shape ", to_string(f.shape), " of ", f.dtype_name, " takes ", std::to_string(*needed), " bytes, ", offsets,
                " hold ", std::to_string(end - begin)});
      }
    }
    if (ok) out_.tensors.push_back({name, *type, std::move(f.shape), begin, end});
  }

  static std::optional<std::size_t> bytes_of(dtype type, std::span<const std::size_t> shape) noexcept {
    std::size_t bytes = size_of(type);
    for (const std::size_t extent : shape) {
      if (extent != 0 && bytes > std::numeric_limits<std::size_t>::max() / extent) return std::nullopt;
      bytes *= extent;
    }
    return bytes;
  }

  std::vector<const stored_tensor*> sorted(bool (*before)(const stored_tensor*, const stored_tensor*)) const {
    std::vector<const stored_tensor*> order;
    order.reserve(out_.tensors.size());
    for (const stored_tensor& t : out_.tensors) order.push_back(&t);
    std::sort(order.begin(), order.end(), before);
    return order;
  }

  HEDDLE_COLD void check_names() {
    const auto order = sorted([](const stored_tensor* a, const stored_tensor* b) { return a->name < b->name; });
    for (std::size_t i = 1; i < order.size(); ++i)
      if (order[i]->name == order[i - 1]->name) problem(order[i]->name, {"the name occurs twice"});
    std::vector<std::string_view> keys;
    for (const auto& entry : out_.metadata) keys.push_back(entry.first);
    std::sort(keys.begin(), keys.end());
    for (std::size_t i = 1; i < keys.size(); ++i)
      if (keys[i] == keys[i - 1]) out_.problems.add(concat({"__metadata__: the key ", quoted(keys[i]), " occurs twice"}));
  }

  /// The tensors must cover the data without overlaps and, as the format asks, without holes. Holes are looked for only
  /// where every tensor is sound: a refused one leaves a hole that says nothing new.
  HEDDLE_COLD void check_layout() {
    const bool sound = out_.problems.empty();
    const auto order = sorted([](const stored_tensor* a, const stored_tensor* b) {
      return a->begin != b->begin ? a->begin < b->begin : a->end < b->end;
    });
    std::size_t covered = 0;
    const stored_tensor* last = nullptr;
    for (const stored_tensor* t : order) {
      if (t->begin < covered && last != nullptr) {
        problem(t->name, {"its bytes ", range(t->begin, t->end), " overlap those of tensor ", quoted(last->name)});
      } else if (t->begin > covered && sound) {
        problem(t->name, {"the bytes ", range(covered, t->begin), " before it belong to no tensor"});
      }
      if (t->end >= covered) {
        covered = t->end;
        last = t;
      }
    }
    if (covered < data_bytes_ && sound)
      out_.problems.add(concat({"the bytes ", range(covered, data_bytes_), " at the end belong to no tensor"}));
  }
};

/// Reads and checks the header of a whole file. Never throws but for want of memory; reads nothing outside `file`.
HEDDLE_COLD inline header parse_header(std::span<const std::byte> file) {
  header out;
  if (file.size() < length_bytes) {
    out.problems.add(concat({"the file has ", counted(file.size(), "byte"), ", a header length alone takes 8"}));
    return out;
  }
  const auto length = load_little_endian<std::uint64_t>(file.data());
  if (length > largest_header) {
    out.problems.add(
        concat({"header length ", std::to_string(length), " is above the format's limit of ", std::to_string(largest_header)}));
    return out;
  }
  if (length > file.size() - length_bytes) {
    out.problems.add(concat({"header length ", std::to_string(length), " is beyond the end of the file, which has ",
                             counted(file.size(), "byte")}));
    return out;
  }
  const auto header_bytes = static_cast<std::size_t>(length);
  out.data_offset = length_bytes + header_bytes;
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + length_bytes, header_bytes);
  header_parser(text, file.size() - out.data_offset, out).parse();
  return out;
}

}  // namespace detail
}  // namespace heddle::inline v0::io
