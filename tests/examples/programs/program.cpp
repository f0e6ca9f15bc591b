#include "program.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "picture_files.hpp"

namespace examples_test {
namespace {

constexpr int no_file_system = 77;

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void redirect(const std::string& path, int descriptor) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ::dup2(file, descriptor);
  ::close(file);
}

void bind_file_size(long long bytes) {
  if (bytes >= 0) {
    const rlimit limit{static_cast<rlim_t>(bytes), static_cast<rlim_t>(bytes)};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
}

/// The two ends of a pseudo terminal; -1 where none was asked for.
struct terminal {
  int ours = -1;
  int theirs = -1;

  explicit terminal(bool wanted) {
    if (wanted) {
      ours = ::posix_openpt(O_RDWR | O_NOCTTY);
      ::grantpt(ours);
      ::unlockpt(ours);
      theirs = ::open(::ptsname(ours), O_RDWR | O_NOCTTY);
    }
  }

  /// What was written to the terminal until its last user left.
  std::string drain() {
    ::close(theirs);
    std::string text;
    char buffer[256];
    for (ssize_t got = ::read(ours, buffer, sizeof buffer); got > 0; got = ::read(ours, buffer, sizeof buffer)) {
      text.append(buffer, static_cast<std::size_t>(got));
    }
    ::close(ours);
    return text;
  }
};

[[noreturn]] void become(const std::string& program, const std::vector<std::string>& arguments) {
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  ::execv(program.c_str(), argv.data());
  ::_exit(126);
}

int exit_code(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }

void write_file(const char* path, const std::string& text) {
  const int file = ::open(path, O_WRONLY);
  if (file >= 0) {
    static_cast<void>(!::write(file, text.data(), text.size()));
    ::close(file);
  }
}

/// A user and mount name space of this process's own, in which it may mount.
bool enter_own_name_space() {
  const std::string user = "0 " + std::to_string(::geteuid()) + " 1";
  const std::string group = "0 " + std::to_string(::getegid()) + " 1";
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
    return false;
  }
  write_file("/proc/self/setgroups", "deny");
  write_file("/proc/self/uid_map", user);
  write_file("/proc/self/gid_map", group);
  return true;
}

std::size_t count_entries(const std::string& folder) {
  std::size_t count = 0;
  if (DIR* open = ::opendir(folder.c_str())) {
    while (const dirent* entry = ::readdir(open)) {
      count += std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0 ? 1 : 0;
    }
    ::closedir(open);
  }
  return count;
}

}  // namespace

outcome run_program(const std::string& program, const std::vector<std::string>& arguments, const limits& bound) {
  const scratch_folder logs;
  terminal screen(bound.terminal);
  const pid_t child = ::fork();
  if (child == 0) {
    redirect(logs / "out", STDOUT_FILENO);
    redirect(logs / "err", STDERR_FILENO);
    if (bound.terminal) ::dup2(screen.theirs, STDERR_FILENO);
    bind_file_size(bound.file_bytes);
    become(program, arguments);
  }
  if (bound.terminate_after_ms >= 0) {
    ::usleep(static_cast<useconds_t>(bound.terminate_after_ms) * 1000U);
    ::kill(child, SIGTERM);
  }
  const std::string shown = bound.terminal ? screen.drain() : "";
  int status = 0;
  rusage usage{};
  ::wait4(child, &status, 0, &usage);
  return {exit_code(status), text_of(logs / "out"), bound.terminal ? shown : text_of(logs / "err"),
          static_cast<std::size_t>(usage.ru_maxrss) * 1024};
}

bool run_on_small_disk(const std::string& program, const std::vector<std::string>& arguments, const std::string& folder,
                       std::size_t bytes, outcome& result, std::size_t& entries_left) {
  const scratch_folder logs;
  const pid_t keeper = ::fork();
  if (keeper == 0) {
    const std::string size = "size=" + std::to_string(bytes);
    if (!enter_own_name_space() || ::mount("tmpfs", folder.c_str(), "tmpfs", 0, size.c_str()) != 0) {
      ::_exit(no_file_system);
    }
    const pid_t child = ::fork();
    if (child == 0) {
      redirect(logs / "out", STDOUT_FILENO);
      redirect(logs / "err", STDERR_FILENO);
      become(program, arguments);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    std::ofstream(logs / "left") << count_entries(folder) << '\n';
    ::_exit(exit_code(status) & 0xff);
  }
  int status = 0;
  ::waitpid(keeper, &status, 0);
  if (exit_code(status) == no_file_system) {
    return false;
  }
  result = {exit_code(status), text_of(logs / "out"), text_of(logs / "err"), 0};
  std::ifstream(logs / "left") >> entries_left;
  return true;
}

}  // namespace examples_test
