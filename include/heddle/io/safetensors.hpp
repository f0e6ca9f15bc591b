/// @file
/// Reading safetensors files: named tensors after a checked header.
///
/// Format: https://github.com/huggingface/safetensors#format
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../core/error.hpp"
#include "convert.hpp"
#include "file_bytes.hpp"
#include "report.hpp"
#include "safetensors_header.hpp"

namespace heddle::inline v0::io {

/// A safetensors file, opened and checked. Cheap to copy parts of, not itself copied: tensors are bytes of one mapping (or
/// one allocation) that lives as long as anybody shares `owner()`.
///
/// A mapped file must not be shortened by another process while it is in use; pass `read_whole` where that may happen.
/// @code
/// heddle::io::safetensors file{"tracker.safetensors"};
/// for (const heddle::io::stored_tensor& t : file) std::printf("%s %zu\n", t.name.c_str(), t.size());
/// @endcode
class safetensors {
  std::string path_{};
  detail::shared_bytes memory_{};
  std::span<const std::byte> data_{};
  std::vector<stored_tensor> tensors_{};
  std::vector<std::size_t> by_name_{};
  metadata_list metadata_{};

 public:
  /// Maps a file where the system can map, else reads it.
  /// @throws file_error if it cannot be opened, or with a report of all that is wrong in it.
  explicit safetensors(const std::string& path) : safetensors(path, detail::map_file(path)) {}

  /// Reads a file into memory.
  /// @throws file_error as above.
  safetensors(const std::string& path, read_whole_t) : safetensors(path, detail::read_file(path)) {}

  /// A file that is in memory already. `owner` keeps the bytes alive; without one the caller does, for as long as this
  /// object and every model bound to it.
  /// @throws file_error with a report of all that is wrong in it.
  static safetensors parse(std::span<const std::byte> bytes, shared_owner owner = {}) {
    return safetensors("safetensors in memory", detail::shared_bytes{bytes, std::move(owner)});
  }

  safetensors(safetensors&&) = default;
  safetensors& operator=(safetensors&&) = default;
  safetensors(const safetensors&) = delete;
  safetensors& operator=(const safetensors&) = delete;
  ~safetensors() = default;

  /// The tensors, in the order of the header.
  std::vector<stored_tensor>::const_iterator begin() const noexcept { return tensors_.begin(); }
  std::vector<stored_tensor>::const_iterator end() const noexcept { return tensors_.end(); }
  std::size_t size() const noexcept { return tensors_.size(); }
  const stored_tensor& operator[](std::size_t index) const noexcept {
    HEDDLE_ASSERT(index < tensors_.size(), "safetensors: index out of bounds");
    return tensors_[index];
  }

  /// The tensor of that name, or null.
  const stored_tensor* find(std::string_view name) const noexcept {
    const auto at = std::lower_bound(by_name_.begin(), by_name_.end(), name, [this](std::size_t i, std::string_view wanted) {
      return std::string_view(tensors_[i].name) < wanted;
    });
    return at != by_name_.end() && tensors_[*at].name == name ? &tensors_[*at] : nullptr;
  }

  /// The bytes of a tensor of this file: row-major, little-endian, of any alignment.
  std::span<const std::byte> bytes(const stored_tensor& tensor) const noexcept {
    return data_.subspan(tensor.begin, tensor.bytes());
  }

  /// The elements of a tensor as floats; f16, bf16 and f64 are converted.
  /// @throws weight_error if there is no such tensor, or it does not hold floating-point numbers.
  std::vector<float> floats(std::string_view name) const {
    const stored_tensor& tensor = require(name);
    if (!is_floating(tensor.type)) raise_type(tensor, "floating-point numbers");
    std::vector<float> values(tensor.size());
    detail::load_floats(tensor.type, bytes(tensor).data(), values.data(), values.size());
    return values;
  }

  /// The elements of a tensor of integers or truth values.
  /// @throws weight_error if there is no such tensor, or it holds floating-point numbers.
  std::vector<std::int64_t> integers(std::string_view name) const {
    const stored_tensor& tensor = require(name);
    if (is_floating(tensor.type)) raise_type(tensor, "integers");
    std::vector<std::int64_t> values(tensor.size());
    const std::byte* from = bytes(tensor).data();
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = detail::load_integer(tensor.type, from + i * size_of(tensor.type));
    return values;
  }

  /// The tensor of that name.
  /// @throws weight_error if there is none.
  HEDDLE_COLD const stored_tensor& require(std::string_view name) const {
    const stored_tensor* found = find(name);
    if (found == nullptr) heddle::detail::raise<weight_error>(detail::concat({path_, ": no tensor ", detail::quoted(name)}));
    return *found;
  }

  /// The free texts of the header, in order.
  const metadata_list& metadata() const noexcept { return metadata_; }
  /// The path it was opened by, for messages.
  const std::string& path() const noexcept { return path_; }
  /// Shares the memory of the tensors; null where the caller of `parse` keeps it.
  const shared_owner& owner() const noexcept { return memory_.owner; }

 private:
  HEDDLE_COLD safetensors(std::string path, detail::shared_bytes memory) : path_(std::move(path)), memory_(std::move(memory)) {
    detail::header header = detail::parse_header(memory_.bytes);
    if (!header.problems.empty())
      heddle::detail::raise<file_error>(detail::concat(
          {path_, ": refused for ", detail::counted(header.problems.size(), "problem"), header.problems.text()}));
    data_ = memory_.bytes.subspan(header.data_offset);
    tensors_ = std::move(header.tensors);
    metadata_ = std::move(header.metadata);
    by_name_.resize(tensors_.size());
    for (std::size_t i = 0; i < by_name_.size(); ++i) by_name_[i] = i;
    std::sort(by_name_.begin(), by_name_.end(),
              [this](std::size_t a, std::size_t b) { return tensors_[a].name < tensors_[b].name; });
  }

  [[noreturn]] HEDDLE_COLD void raise_type(const stored_tensor& tensor, const char* wanted) const {
    heddle::detail::raise<weight_error>(detail::concat(
        {path_, ": tensor ", detail::quoted(tensor.name), " holds ", name_of(tensor.type), ", expected ", wanted}));
  }
};

}  // namespace heddle::inline v0::io
