#include "program.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
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

void bind_limit(decltype(RLIMIT_FSIZE) which, long long value) {
  if (value >= 0) {
    const rlimit limit{static_cast<rlim_t>(value), static_cast<rlim_t>(value)};
    ::setrlimit(which, &limit);
  }
}

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
  const pid_t child = ::fork();
  if (child == 0) {
    redirect(logs / "out", STDOUT_FILENO);
    redirect(logs / "err", STDERR_FILENO);
    bind_limit(RLIMIT_FSIZE, bound.file_bytes);
    bind_limit(RLIMIT_AS, bound.memory_bytes);
    become(program, arguments);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return {exit_code(status), text_of(logs / "out"), text_of(logs / "err")};
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
  result = {exit_code(status), text_of(logs / "out"), text_of(logs / "err")};
  std::ifstream(logs / "left") >> entries_left;
  return true;
}

}  // namespace examples_test
