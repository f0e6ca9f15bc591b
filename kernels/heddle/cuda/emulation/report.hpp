/// @file
/// What an emulated kernel did wrong: one report per kind and line, with a count.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <heddle/core/error.hpp>

#include "source_line.hpp"

namespace heddle::inline v0::device::emulation {

/// Kinds of mistakes.
enum class problem : std::uint8_t {
  race,             ///< two accesses to shared memory, at least one a write, that nothing orders
  in_flight,        ///< shared memory used while an asynchronous copy or product works on it
  never_written,    ///< shared memory read before anything was written there
  out_of_bounds,    ///< a shared address outside the block's memory
  misaligned,       ///< an address not aligned to the size of its access
  global_access,    ///< global memory outside every buffer, or a write to one that is read only
  diverged,         ///< lanes that must execute a function together do not
  deadlock,         ///< lanes wait for what never comes
  unfinished_copy,  ///< a lane ended with copies it had not waited for
  barrier_misuse,   ///< an mbarrier not initialised, with too many arrivals, or used as plain memory
  missing_fence,    ///< registers or memory handed to the asynchronous units without the fence that this takes
  pending_register  ///< an accumulator used before its product was waited for
};

/// The kind in words.
constexpr const char* name(problem kind) noexcept {
  switch (kind) {
    case problem::race:
      return "race";
    case problem::in_flight:
      return "in flight";
    case problem::never_written:
      return "never written";
    case problem::out_of_bounds:
      return "out of bounds";
    case problem::misaligned:
      return "misaligned";
    case problem::global_access:
      return "global access";
    case problem::diverged:
      return "diverged";
    case problem::deadlock:
      return "deadlock";
    case problem::unfinished_copy:
      return "unfinished copy";
    case problem::barrier_misuse:
      return "barrier misuse";
    case problem::missing_fence:
      return "missing fence";
    case problem::pending_register:
      return "pending register";
  }
  return "";
}

/// One mistake at one pair of lines, and how often it was made. `text` describes the first time.
struct report {
  problem kind{};
  source_line line{};
  source_line other{};
  std::string text;
  std::size_t count = 0;
};

namespace detail {

struct report_list {
  std::vector<report> entries;

  /// Counts one mistake. True if it is new: its text is wanted.
  bool add(problem kind, source_line line, source_line other) {
    for (auto& r : entries) {
      if (r.kind == kind && r.line == line && r.other == other) {
        ++r.count;
        return false;
      }
    }
    entries.push_back({kind, line, other, {}, 1});
    return true;
  }
};

inline thread_local report_list* collector = nullptr;  // the innermost report_scope's

}  // namespace detail

inline std::string to_string(source_line line) { return std::string(line.file) + ':' + std::to_string(line.line); }

inline std::string to_string(const report& r) {
  return r.text + " (" + std::to_string(r.count) + (r.count == 1 ? " time)" : " times)");
}

/// While one lives, what launches report is collected here. Without one a launch with reports raises `heddle::error`, so
/// that a test fails by itself.
class report_scope {
 public:
  report_scope() noexcept : before_(detail::collector) { detail::collector = &list_; }
  ~report_scope() { detail::collector = before_; }
  report_scope(const report_scope&) = delete;
  report_scope& operator=(const report_scope&) = delete;

  const std::vector<report>& reports() const noexcept { return list_.entries; }
  bool empty() const noexcept { return list_.entries.empty(); }
  /// True if something of this kind was reported; at this line of the source, if one is given.
  bool contains(problem kind, int line = 0) const noexcept {
    for (const auto& r : list_.entries) {
      if (r.kind == kind && (line == 0 || r.line.line == line || r.other.line == line)) return true;
    }
    return false;
  }
  std::string text() const {
    std::string all;
    for (const auto& r : list_.entries) all += to_string(r) + '\n';
    return all;
  }
  void clear() noexcept { list_.entries.clear(); }

 private:
  detail::report_list list_;
  detail::report_list* before_;
};

/// In which order lanes run, and what is checked. `seed` 0: first come, first served, and asynchronous work as late as
/// possible; else at random, differently for every seed. `HEDDLE_EMULATION_SEED` in the environment sets it for a program.
struct emulation_options {
  std::uint64_t seed = 0;
  bool races = true;
};

inline emulation_options& options() {
  static thread_local emulation_options current = [] {
    emulation_options o;
    if (const char* text = std::getenv("HEDDLE_EMULATION_SEED")) o.seed = std::strtoull(text, nullptr, 10);
    return o;
  }();
  return current;
}

/// Sets the options for its own lifetime.
class options_scope {
 public:
  explicit options_scope(emulation_options o) : before_(options()) { options() = o; }
  ~options_scope() { options() = before_; }
  options_scope(const options_scope&) = delete;
  options_scope& operator=(const options_scope&) = delete;

 private:
  emulation_options before_;
};

/// What launches of this thread did since the last `counters() = {}`. `matrix_phases` counts 8x8 matrices moved between
/// shared memory and registers; `matrix_passes` how many accesses the banks need for them: equal without conflicts.
struct emulation_counters {
  std::uint64_t blocks = 0;
  std::uint64_t switches = 0;
  std::uint64_t matrix_phases = 0;
  std::uint64_t matrix_passes = 0;
  std::uint64_t products = 0;  ///< mma instructions of warps and of warpgroups
  std::uint64_t copies = 0;    ///< asynchronous copies of lanes
  std::uint64_t tiles = 0;     ///< tiles copied by the tensor map engine
};

inline emulation_counters& counters() noexcept {
  static thread_local emulation_counters current;
  return current;
}

}  // namespace heddle::inline v0::device::emulation
