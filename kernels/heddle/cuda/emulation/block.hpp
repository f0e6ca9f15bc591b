/// @file
/// The emulated block: lanes that meet in warps and at barriers, and checked accesses to shared and global memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "clocks.hpp"
#include "memory.hpp"
#include "report.hpp"
#include "schedule.hpp"
#include "shadow.hpp"

namespace heddle::inline v0::device::emulation {

/// Where shared memory begins: not at zero, as on a device that keeps the first bytes for itself.
inline constexpr std::uint32_t shared_begin = 1024;
/// Most shared memory of a block on sm_90a.
inline constexpr std::size_t most_shared_bytes = 227 * 1024;

class block {
 public:
  /// The grid's numbers for kernels.
  std::uint32_t index = 0;
  std::uint32_t grid = 0;
  unsigned threads = 0;
  std::uint32_t shared_bytes = 0;

  lane_state& lane() noexcept { return schedule_.current(); }
  bool at_random() const noexcept { return schedule_.at_random(); }
  std::uint64_t random() noexcept { return schedule_.next_random(); }
  void yield(const char* function, source_line line) { schedule_.yield(function, line); }
  lane_clocks& clocks() noexcept { return clocks_; }
  shadow_memory& shadow() noexcept { return shadow_; }
  bool checked() const noexcept { return checked_; }

  // ---- reports ----

  template <class Text>
  void report(problem kind, source_line line, source_line other, Text&& text) {
    if (reports_->add(kind, line, other)) reports_->entries.back().text = std::string(name(kind)) + ": " + text();
  }
  /// Reports and ends the block: what would follow is nonsense.
  template <class Text>
  [[noreturn]] void fatal(problem kind, source_line line, Text&& text) {
    report(kind, line, {}, static_cast<Text&&>(text));
    schedule_.stop();
  }
  std::string here(const char* function, source_line line) {
    return std::string(function) + " by lane " + std::to_string(lane().thread) + " of block " + std::to_string(index) + " at " +
           to_string(line);
  }

  // ---- what lanes do together ----

  /// All 32 lanes of the current warp call the same function with the same `immediate` on the same line; the last to arrive
  /// runs `compute(operands)` with a pointer to each lane's operands.
  template <class Operands, class Compute>
  void warp_together(const char* function, std::uint64_t immediate, source_line line, Operands& mine, Compute&& compute) {
    meet<32>(warps_[lane().thread / 32], function, immediate, line, mine, compute);
  }
  /// The same for the four warps of the current warpgroup.
  template <class Operands, class Compute>
  void warpgroup_together(const char* function, std::uint64_t immediate, source_line line, Operands& mine, Compute&& compute) {
    if (lane().thread / 128 >= groups_.size()) {
      fatal(problem::diverged, line, [&] { return here(function, line) + " in a warpgroup of less than four warps"; });
    }
    meet<128>(groups_[lane().thread / 128], function, immediate, line, mine, compute);
  }

  /// Orders memory among the lanes of the current warp.
  void sync_warp(source_line line) {
    int nothing = 0;
    warp_together("sync_warp", 0, line, nothing, [&](int* const*) {
      if (!checked_) return;
      const unsigned first = lane().thread / 32 * 32;
      warp_clock_.clear();
      for (unsigned i = 0; i < 32; ++i) clocks_.release(first + i, warp_clock_);
      for (unsigned i = 0; i < 32; ++i) clocks_.acquire(first + i, warp_clock_);
    });
  }

  /// A barrier of `count` lanes, of whom this one waits or (`arrive_only`) goes on.
  void barrier(unsigned id, unsigned count, bool arrive_only, const char* function, source_line line) {
    if (id >= 16 || count == 0 || count % 32 != 0 || count > threads) {
      fatal(problem::barrier_misuse, line, [&] {
        return here(function, line) + ": barrier " + std::to_string(id) + " of " + std::to_string(count) +
               " lanes; there are 16 barriers, for whole warps of the block's " + std::to_string(threads) + " lanes";
      });
    }
    named_barrier& b = barriers_[id];
    if (b.arrived != 0 && b.expected != count) {
      fatal(problem::diverged, line, [&] {
        return here(function, line) + " expects " + std::to_string(count) + " lanes at barrier " + std::to_string(id) +
               ", others expect " + std::to_string(b.expected);
      });
    }
    check_same_line(b, function, line);
    b.expected = count;
    ++b.arrived;
    ++b.of_warp[lane().thread / 32];
    if (arrive_only) {
      if (checked_) clocks_.release(lane().thread, b.clock);
    } else {
      b.waiting.push_back(&lane());
    }
    if (b.arrived == count) {
      check_whole_warps(b, function, line);
      complete(b);
    } else if (!arrive_only) {
      schedule_.wait(function, line);
    }
  }

  // ---- the current lane waits for others ----

  void wait(const char* function, source_line line) { schedule_.wait(function, line); }
  void wake(lane_state& waiting) { schedule_.wake(waiting); }

  // ---- memory ----

  /// Checks that the bytes lie in shared memory and are aligned to `alignment`; returns where they are.
  unsigned char* locate(const char* function, std::uint32_t address, std::uint32_t bytes, std::uint32_t alignment,
                        source_line line) {
    const std::uint32_t offset = address - shared_begin;
    if (address < shared_begin || offset > shared_bytes || bytes > shared_bytes - offset) {
      fatal(problem::out_of_bounds, line, [&] {
        return here(function, line) + ": byte " + std::to_string(static_cast<std::int64_t>(address) - shared_begin) + ", " +
               std::to_string(bytes) + " bytes long, of " + std::to_string(shared_bytes) + " bytes of shared memory";
      });
    }
    if (address % alignment != 0) {
      fatal(problem::misaligned, line, [&] {
        return here(function, line) + ": shared byte " + std::to_string(offset) + " is not aligned to " +
               std::to_string(alignment);
      });
    }
    return shared_.get() + offset;
  }
  /// Where a byte is that was located before.
  const unsigned char* at(std::uint32_t address) const noexcept { return shared_.get() + (address - shared_begin); }
  const unsigned char* read(const char* function, std::uint32_t address, std::uint32_t bytes, unsigned by, source_line line) {
    const unsigned char* data = locate(function, address, bytes, bytes, line);
    if (!reserved_.empty()) check_not_reserved(function, address, bytes, line);
    if (checked_) shadow_.read({by, address - shared_begin, bytes, function, line});
    return data;
  }
  unsigned char* write(const char* function, std::uint32_t address, std::uint32_t bytes, source_line line) {
    unsigned char* data = locate(function, address, bytes, bytes, line);
    if (!reserved_.empty()) check_not_reserved(function, address, bytes, line);
    if (checked_) shadow_.write({lane().thread, address - shared_begin, bytes, function, line});
    return data;
  }

  /// Eight bytes that hold an mbarrier from now on: no plain access.
  void reserve(std::uint32_t address) { reserved_.push_back(address); }

  /// Checks an access to global memory.
  void global(const char* function, const void* data, std::size_t bytes, std::size_t alignment, bool writes, source_line line) {
    if (reinterpret_cast<std::uintptr_t>(data) % alignment != 0) {
      fatal(problem::misaligned, line,
            [&] { return here(function, line) + ": the global address is not aligned to " + std::to_string(alignment); });
    }
    const buffer* found = find_buffer(data, bytes);
    if (found == nullptr) {
      fatal(problem::global_access, line, [&] { return here(function, line) + describe_outside(data, bytes); });
    }
    if (writes && found->read_only) {
      fatal(problem::global_access, line,
            [&] { return here(function, line) + " writes to " + found->name + ", which is read only"; });
    }
  }

 protected:
  /// Runs one block. `body` is called by each lane, `idle` does a piece of asynchronous work.
  void run_lanes(void (*body)(void*), bool (*idle)(void*), void* argument, detail::report_list& reports, std::uint64_t seed) {
    reports_ = &reports;
    checked_ = options().races;
    if (shared_capacity_ < shared_bytes) {
      shared_.reset(static_cast<unsigned char*>(::operator new[](shared_bytes, std::align_val_t{1024})));
      shared_capacity_ = shared_bytes;
    }
    std::memset(shared_.get(), 0xff, shared_bytes);  // not a number in every type
    lanes_.resize(threads);
    for (unsigned i = 0; i < threads; ++i) {
      lanes_[i] = lane_state{};
      lanes_[i].thread = i;
    }
    warps_.assign(threads / 32, {});
    groups_.assign(threads / 128, {});
    for (auto& b : barriers_) b = {};
    reserved_.clear();
    if (clocks_.worn_out()) {
      shadow_.clear();
      clocks_.restart();
    }
    clocks_.start(threads);
    shadow_.start(shared_bytes, threads / 32, clocks_, reports);
    ++counters().blocks;
    schedule_.run(lanes_, body, idle, argument, seed);
    if (!schedule_.stopped()) report_deadlock();
  }
  bool all_ended() const noexcept {
    for (const auto& l : lanes_) {
      if (!l.ended) return false;
    }
    return true;
  }

 private:
  template <unsigned Count>
  struct meeting {
    const char* function = nullptr;
    std::uint64_t immediate = 0;
    source_line line{};
    unsigned arrived = 0;
    void* operands[Count] = {};
  };
  struct named_barrier {
    unsigned expected = 0;
    unsigned arrived = 0;
    unsigned of_warp[32] = {};
    released_clock clock;
    std::vector<lane_state*> waiting;
  };
  struct delete_aligned {
    void operator()(unsigned char* data) const noexcept { ::operator delete[](data, std::align_val_t{1024}); }
  };

  template <unsigned Count, class Operands, class Compute>
  void meet(meeting<Count>& m, const char* function, std::uint64_t immediate, source_line line, Operands& mine,
            Compute&& compute) {
    const unsigned thread = lane().thread;
    const unsigned first = thread / Count * Count;
    if (m.arrived == 0) {
      m.function = function;
      m.immediate = immediate;
      m.line = line;
    } else if ((m.function != function && std::strcmp(m.function, function) != 0) || m.immediate != immediate ||
               !(m.line == line)) {
      fatal(problem::diverged, line, [&] {
        return here(function, line) + ", while " + std::to_string(m.arrived) + " lanes of its " +
               (Count == 32 ? "warp" : "warpgroup") + " are in " + m.function + " at " + to_string(m.line);
      });
    }
    m.operands[thread - first] = &mine;
    if (++m.arrived < Count) {
      schedule_.wait(function, line);
      return;
    }
    m.arrived = 0;
    Operands* all[Count];
    for (unsigned i = 0; i < Count; ++i) all[i] = static_cast<Operands*>(m.operands[i]);
    compute(static_cast<Operands* const*>(all));
    for (unsigned i = 0; i < Count; ++i) {
      if (first + i != thread) schedule_.wake(lanes_[first + i]);
    }
  }

  /// Lanes of one warp must come to a barrier from one line; other warps may come from another.
  void check_same_line(const named_barrier& b, const char* function, source_line line) {
    if (b.waiting.empty()) return;
    const lane_state& last = *b.waiting.back();
    if (last.thread / 32 != lane().thread / 32 || last.waits_at == line) return;
    fatal(problem::diverged, line, [&] {
      return here(function, line) + ", while lanes of its warp are in " + last.waits_in + " at " + to_string(last.waits_at);
    });
  }

  /// A barrier counts warps: all lanes of one or none.
  void check_whole_warps(named_barrier& b, const char* function, source_line line) {
    for (unsigned w = 0; w < 32; ++w) {
      const unsigned lanes = b.of_warp[w];
      b.of_warp[w] = 0;
      if (lanes % 32 == 0) continue;
      report(problem::diverged, line, {}, [&] {
        return here(function, line) + ": " + std::to_string(lanes) + " lanes of warp " + std::to_string(w) +
               " came, the others did not";
      });
    }
  }

  void complete(named_barrier& b) {
    lane_state* last = &lane();
    if (checked_) {
      if (b.waiting.size() == threads) {
        clocks_.full_barrier();
      } else {
        for (auto* waiting : b.waiting) clocks_.release(waiting->thread, b.clock);
        for (auto* waiting : b.waiting) clocks_.acquire(waiting->thread, b.clock);
      }
      b.clock.clear();
    }
    for (auto* waiting : b.waiting) {
      if (waiting != last) schedule_.wake(*waiting);
    }
    b.waiting.clear();
    b.arrived = 0;
  }

  void check_not_reserved(const char* function, std::uint32_t address, std::uint32_t bytes, source_line line) {
    for (const std::uint32_t r : reserved_) {
      if (address + bytes <= r || r + 8 <= address) continue;
      report(problem::barrier_misuse, line, {}, [&] { return here(function, line) + " touches an mbarrier as plain memory"; });
    }
  }

  void report_deadlock() {
    const lane_state* first = nullptr;
    for (const auto& l : lanes_) first = first == nullptr && !l.ended ? &l : first;
    if (first == nullptr) return;
    report(problem::deadlock, first->waits_at, {},
           [&] { return "block " + std::to_string(index) + ": " + describe_waiting(lanes_); });
  }

  schedule schedule_;
  std::vector<lane_state> lanes_;
  std::vector<meeting<32>> warps_;
  std::vector<meeting<128>> groups_;
  named_barrier barriers_[16];
  released_clock warp_clock_;
  std::vector<std::uint32_t> reserved_;
  lane_clocks clocks_;
  shadow_memory shadow_;
  detail::report_list* reports_ = nullptr;
  std::unique_ptr<unsigned char[], delete_aligned> shared_;
  std::size_t shared_capacity_ = 0;
  bool checked_ = true;
};

}  // namespace heddle::inline v0::device::emulation
