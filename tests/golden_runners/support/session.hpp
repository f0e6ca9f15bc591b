// One run of a golden on one backend: inputs by name, outputs compared as they are produced, and what was left out.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "layout.hpp"
#include "options.hpp"
#include "support/compare.hpp"

namespace heddle::golden {

/// `[1, 3, 96, 128]`
inline std::string shape_text(std::span<const std::size_t> shape) {
  std::string text = "[";
  for (const std::size_t e : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(e);
  return text + "]";
}

class session {
  const io::safetensors& file_;
  const options& options_;
  std::string backend_;
  std::set<std::string, std::less<>> produced_{};
  std::size_t failures_ = 0;

 public:
  session(const io::safetensors& file, const options& o, std::string backend)
      : file_(file), options_(o), backend_(std::move(backend)) {}

  bool wants_mid() const noexcept { return options_.mid; }
  const std::string& folder() const noexcept { return options_.folder; }
  const io::safetensors& file() const noexcept { return file_; }

  /// Names of the file's tensors that begin with `prefix`, sorted.
  std::vector<std::string> names(std::string_view prefix) const {
    std::vector<std::string> found;
    for (const io::stored_tensor& t : file_)
      if (std::string_view(t.name).substr(0, prefix.size()) == prefix) found.push_back(t.name);
    std::sort(found.begin(), found.end());
    return found;
  }

  std::vector<std::size_t> shape(std::string_view name) const {
    const auto& s = file_.require(name).shape;
    return {s.begin(), s.end()};
  }

  /// A tensor stored `[batch, channels, height, width]`, in token order.
  map_tensor map(std::string_view name) const {
    const std::vector<std::size_t> s = shape(name);
    if (s.size() != 4)
      heddle::detail::raise<shape_error>(std::string(name) + ": expected 4 axes, got " + std::to_string(s.size()));
    return to_token_order(file_.floats(name), s);
  }

  /// Compares a map in token order with a tensor stored `[batch, channels, height, width]`.
  void check_map(std::string_view name, const map_view<const float>& got, double tolerance = default_tolerance) {
    const std::size_t shape_of_got[] = {got.extent(0), got.extent(3), got.extent(1), got.extent(2)};
    check(name, to_file_order(got), shape_of_got, tolerance);
  }

  /// Compares numbers in the order of the file. `tolerance` is the system's own; the command line's goes before it.
  void check(std::string_view name, std::span<const float> got, std::span<const std::size_t> got_shape,
             double tolerance = default_tolerance) {
    if (!begin(name, got_shape)) return;
    const std::vector<float> expected = file_.floats(name);
    const test::worst_element worst = test::worst(std::span<const float>(expected), got);
    const double allowed = options_.tolerance.value_or(tolerance);
    report(name, got_shape, worst, worst.relative() <= allowed, worst.relative(), allowed, "of the largest value");
  }

  /// Compares whole numbers, which must be equal: positions, counts.
  void check_integers(std::string_view name, std::span<const std::int64_t> got, std::span<const std::size_t> got_shape) {
    if (!begin(name, got_shape)) return;
    const std::vector<std::int64_t> expected = file_.integers(name);
    const test::worst_element worst = test::worst(std::span<const std::int64_t>(expected), got);
    report(name, got_shape, worst, worst.difference == 0.0, worst.difference, 0.0, "(whole numbers)");
  }

  /// Compares bytes, which may differ by `levels`.
  void check_bytes(std::string_view name, std::span<const std::uint8_t> got, std::span<const std::size_t> got_shape,
                   double levels) {
    if (!begin(name, got_shape)) return;
    const std::vector<std::int64_t> expected = file_.integers(name);
    const test::worst_element worst = test::worst(std::span<const std::int64_t>(expected), got);
    report(name, got_shape, worst, worst.difference <= levels, worst.difference, levels, "levels");
  }

  /// Whether everything was produced and within tolerance; lists what was not produced.
  bool finish() {
    std::vector<std::string> missing;
    for (const std::string& name : names("output.")) note_missing(missing, name);
    if (options_.mid)
      for (const std::string& name : names("mid.")) note_missing(missing, name);
    for (const std::string& name : missing) std::printf("FAILED  %s: %s was not produced\n", backend_.c_str(), name.c_str());
    if (names("output.").empty()) {
      std::printf("FAILED  %s: %s holds no output.*\n", backend_.c_str(), file_.path().c_str());
      ++failures_;
    }
    failures_ += missing.size();
    std::printf("%s: %zu tensors compared, %zu failed\n", backend_.c_str(), produced_.size(), failures_);
    return failures_ == 0;
  }

 private:
  void note_missing(std::vector<std::string>& missing, const std::string& name) const {
    if (produced_.count(name) == 0) missing.push_back(name);
  }

  /// Whether there is something to compare: a golden may hold fewer tensors than its runner produces.
  bool begin(std::string_view name, std::span<const std::size_t> got_shape) {
    if (file_.find(name) == nullptr) return false;
    produced_.insert(std::string(name));
    const std::vector<std::size_t> expected = shape(name);
    if (std::equal(expected.begin(), expected.end(), got_shape.begin(), got_shape.end())) return true;
    ++failures_;
    std::printf("FAILED  %s: %.*s: expected shape %s, got %s\n", backend_.c_str(), static_cast<int>(name.size()), name.data(),
                shape_text(expected).c_str(), shape_text(got_shape).c_str());
    return false;
  }

  void report(std::string_view name, std::span<const std::size_t> shape_of_it, const test::worst_element& worst, bool passed,
              double measured, double allowed, const char* unit) {
    if (!passed) ++failures_;
    if (worst.difference == 0.0) {
      std::printf("ok      %s: %.*s: equal\n", backend_.c_str(), static_cast<int>(name.size()), name.data());
      return;
    }
    std::printf("%s  %s: %.*s: worst at %s: expected %.9g, got %.9g, difference %.3g %s (allowed %.3g)\n",
                passed ? "ok    " : "FAILED", backend_.c_str(), static_cast<int>(name.size()), name.data(),
                index_text(worst.index, shape_of_it).c_str(), worst.expected, worst.actual, measured, unit, allowed);
  }

  /// A flat index as an index per axis.
  static std::string index_text(std::size_t flat, std::span<const std::size_t> shape_of_it) {
    std::vector<std::size_t> index(shape_of_it.size());
    for (std::size_t r = shape_of_it.size(); r-- > 0;) {
      const std::size_t n = std::max<std::size_t>(shape_of_it[r], 1);
      index[r] = flat % n;
      flat /= n;
    }
    return shape_text(index);
  }
};

}  // namespace heddle::golden
