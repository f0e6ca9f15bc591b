#include "atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "user_error.hpp"

namespace examples {
namespace {

/// What the signal handler removes; a flag is set only while its text is complete.
constexpr std::size_t most_open = 4;
char doomed_paths[most_open][PATH_MAX];
volatile std::sig_atomic_t doomed[most_open] = {};

extern "C" void remove_and_leave(int signal) {
  for (std::size_t i = 0; i < most_open; ++i) {
    if (doomed[i] != 0) {
      ::unlink(doomed_paths[i]);
    }
  }
  ::_exit(128 + signal);
}

void protect(const std::string& path) {
  for (std::size_t i = 0; i < most_open && path.size() < PATH_MAX; ++i) {
    if (doomed[i] == 0) {
      std::memcpy(doomed_paths[i], path.c_str(), path.size() + 1);
      doomed[i] = 1;
      return;
    }
  }
}

void spare(const std::string& path) noexcept {
  for (std::size_t i = 0; i < most_open; ++i) {
    if (doomed[i] != 0 && path == doomed_paths[i]) {
      doomed[i] = 0;
    }
  }
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

/// The path behind symbolic links, so that renaming replaces the file and not the link.
std::string resolved(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno != ENOENT) {
      throw user_error("cannot write " + path + ": " + std::strerror(errno));
    }
    char target[PATH_MAX];  // a link to what does not exist yet; circles of links were ELOOP above
    const ssize_t length = ::readlink(path.c_str(), target, sizeof target);
    if (length <= 0) {
      return path;
    }
    const std::string next(target, static_cast<std::size_t>(length));
    return resolved(next[0] == '/' ? next : folder_of(path) + '/' + next);
  }
  if (!S_ISREG(status.st_mode)) {
    throw user_error("cannot write " + path + ": it is not a regular file");
  }
  char buffer[PATH_MAX];
  return ::realpath(path.c_str(), buffer) != nullptr ? std::string(buffer) : path;
}

/// mkstemp makes private files; the result gets the permissions of an ordinary new file, or of the one that it replaces.
void give_permissions(int descriptor, const std::string& target) {
  struct stat status{};
  if (::stat(target.c_str(), &status) == 0) {
    ::fchmod(descriptor, status.st_mode & 07777U);
    return;
  }
  const mode_t mask = ::umask(0);
  ::umask(mask);
  ::fchmod(descriptor, 0666U & ~mask);
}

}  // namespace

atomic_file::atomic_file(const std::string& path) : path_(resolved(path)) {
  temporary_ = folder_of(path_) + "/.heddle-XXXXXX";
  const int descriptor = ::mkstemp(temporary_.data());
  if (descriptor < 0) {
    temporary_.clear();
    fail(errno);
  }
  protect(temporary_);
  give_permissions(descriptor, path_);
  stream_ = ::fdopen(descriptor, "wb");
  if (stream_ == nullptr) {
    const int error = errno;
    ::close(descriptor);
    discard();
    fail(error);
  }
}

atomic_file::~atomic_file() { discard(); }

void atomic_file::commit() {
  errno = 0;
  const bool written = std::ferror(stream_) == 0 && std::fflush(stream_) == 0 && ::fsync(::fileno(stream_)) == 0;
  int error = written ? 0 : errno;
  if (std::fclose(stream_) != 0 && written) {
    error = errno;
  }
  stream_ = nullptr;
  if (error == 0 && written && std::rename(temporary_.c_str(), path_.c_str()) == 0) {
    spare(temporary_);
    temporary_.clear();
    return;
  }
  error = error == 0 ? errno : error;
  discard();
  fail(error);
}

void atomic_file::fail(int error) const {
  throw user_error("cannot write " + path_ + ": " + (error != 0 ? std::strerror(error) : "unknown error"));
}

void atomic_file::discard() noexcept {
  if (stream_ != nullptr) {
    std::fclose(stream_);
    stream_ = nullptr;
  }
  if (!temporary_.empty()) {
    ::unlink(temporary_.c_str());
    spare(temporary_);
    temporary_.clear();
  }
}

void remove_temporary_on_signals() {
  std::signal(SIGINT, remove_and_leave);
  std::signal(SIGTERM, remove_and_leave);
  std::signal(SIGHUP, remove_and_leave);
  std::signal(SIGXFSZ, SIG_IGN);
}

}  // namespace examples
