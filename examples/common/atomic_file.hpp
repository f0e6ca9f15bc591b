#pragma once

#include <cstdio>
#include <string>

namespace examples {

/// A file that appears whole or not at all: it is written under a temporary name in the target's folder, flushed to the disk
/// and renamed by `commit()`. Without `commit()` the temporary file is removed and an older target stays as it was.
///
/// A target that is a symbolic link is followed; one that exists and is not a regular file is refused.
/// Up to four such files are open at a time in these programs; `remove_temporary_on_signals()` also removes them when the
/// program is interrupted.
class atomic_file {
 public:
  /// Throws `user_error` when the folder is missing or not writable, or the target is not a regular file.
  explicit atomic_file(const std::string& path);
  ~atomic_file();
  atomic_file(const atomic_file&) = delete;
  atomic_file& operator=(const atomic_file&) = delete;

  std::FILE* stream() const noexcept { return stream_; }

  /// Throws `user_error` when the data could not be written (for example on a full disk); nothing is left behind then.
  void commit();

  [[noreturn]] void fail(int error) const;

 private:
  void discard() noexcept;

  std::string path_;
  std::string temporary_;
  std::FILE* stream_ = nullptr;
};

/// Makes SIGINT, SIGTERM and SIGHUP remove the temporary file, and turns SIGXFSZ (file size limit) into a write error.
void remove_temporary_on_signals();

}  // namespace examples
