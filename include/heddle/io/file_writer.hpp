/// @file
/// Writing a file so that it is there whole or not at all.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string>
#include <utility>

#include "../core/error.hpp"
#include "file_bytes.hpp"
#include "report.hpp"

namespace heddle::inline v0::io::detail {

/// Writes beside the target and takes its name at `commit`. Whoever reads the target meanwhile sees the old file or the new
/// one; without a commit nothing is left.
class file_writer {
  std::string path_;
  std::string temporary_{};
  file_handle file_{};

 public:
  /// @throws file_error if no file can be made in the folder of `path`.
  explicit file_writer(std::string path) : path_(std::move(path)) {
    constexpr int attempts = 1000;  // other writers of the same target, or what a killed one left
    for (int i = 0; i < attempts && !file_; ++i) {
      temporary_ = concat({path_, ".", std::to_string(i), ".tmp"});
      file_.reset(std::fopen(temporary_.c_str(), "wbx"));
      if (!file_ && errno != EEXIST) break;
    }
    if (!file_) raise_file(path_, "cannot be written", errno);
  }
  file_writer(const file_writer&) = delete;
  file_writer& operator=(const file_writer&) = delete;
  ~file_writer() {
    file_.reset();
    if (!temporary_.empty()) static_cast<void>(std::remove(temporary_.c_str()));
  }

  /// @throws file_error if the medium is full or gone.
  void write(std::span<const std::byte> bytes) {
    if (!bytes.empty() && std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size())
      raise_file(path_, "cannot be written", errno);
  }

  /// Makes the target be what was written.
  /// @throws file_error if that is not possible; the target is then as it was.
  void commit() {
    bool ok = std::fflush(file_.get()) == 0;
#if HEDDLE_HAS_MMAP
    ok = ok && ::fsync(::fileno(file_.get())) == 0;
#endif
    ok = std::fclose(file_.release()) == 0 && ok;
#if defined(_WIN32)
    if (ok) static_cast<void>(std::remove(path_.c_str()));  // rename does not replace there
#endif
    if (!ok || std::rename(temporary_.c_str(), path_.c_str()) != 0) raise_file(path_, "cannot be written", errno);
    temporary_.clear();
  }
};

}  // namespace heddle::inline v0::io::detail
