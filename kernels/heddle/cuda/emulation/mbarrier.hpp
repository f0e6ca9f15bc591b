/// @file
/// Barriers in shared memory that also count bytes (mbarrier): what orders the tile engine and the lanes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "block.hpp"

namespace heddle::inline v0::device::emulation {

class mbarriers {
 public:
  void start() { barriers_.clear(); }

  void init(block& b, std::uint32_t address, std::uint32_t count, source_line line) {
    const char* function = "mbarrier_init";
    b.locate(function, address, 8, 8, line);
    if (count == 0) b.fatal(problem::barrier_misuse, line, [&] { return b.here(function, line) + ": nobody would arrive"; });
    if (b.checked()) b.shadow().write({b.lane().thread, address - shared_begin, 8, function, line});
    state* known = find(address);
    if (known == nullptr) {
      b.reserve(address);
      barriers_.push_back({});
      known = &barriers_.back();
      known->engine = b.clocks().add_engine();
    }
    const unsigned engine = known->engine;
    *known = {};
    known->address = address;
    known->engine = engine;
    known->expected = count;
    known->pending = count;
  }

  /// One arrival, after `bytes` more bytes are expected in this phase.
  void arrive(block& b, const char* function, std::uint32_t address, std::uint32_t bytes, source_line line) {
    state& s = use(b, function, address, line);
    s.bytes += bytes;
    if (s.pending == 0) {
      b.fatal(problem::barrier_misuse, line, [&] {
        return b.here(function, line) + ": more arrivals than the " + std::to_string(s.expected) + " expected in a phase";
      });
    }
    if (b.checked()) b.clocks().release(b.lane().thread, s.gathering);
    --s.pending;
    advance(b, s);
  }

  /// `bytes` more bytes are expected, without an arrival.
  void expect(block& b, std::uint32_t address, std::uint32_t bytes, source_line line) {
    use(b, "mbarrier_expect", address, line).bytes += bytes;
  }

  /// Waits until the phase of this parity is complete.
  void wait(block& b, std::uint32_t address, std::uint32_t parity, source_line line) {
    const char* function = "mbarrier_wait";
    if (b.at_random()) b.yield(function, line);
    state& s = use(b, function, address, line);
    if ((s.phase & 1u) != (parity & 1u)) {
      acquire(b, s, b.lane().thread);
      return;
    }
    s.waiting.push_back(&b.lane());  // whoever completes the phase lets this lane acquire it
    b.wait(function, line);
  }

  /// Is there an initialised mbarrier, visible to the engine?
  void check_for_engine(block& b, const char* function, std::uint32_t address, source_line line) {
    use(b, function, address, line);
    if (b.checked()) b.shadow().check_fence({b.lane().thread, address - shared_begin, 8, function, line});
  }

  /// How the engine stamps what it writes now for this mbarrier.
  stamp engine_stamp(block& b, std::uint32_t address) {
    const state& s = *find(address);
    return b.clocks().written_by_engine(s.engine, s.phase + 1);
  }

  /// The engine wrote that many bytes. Runs outside the lanes.
  void complete_bytes(block& b, std::uint32_t address, std::uint32_t bytes) {
    state& s = *find(address);
    s.bytes -= bytes;
    advance(b, s);
  }

 private:
  struct state {
    std::uint32_t address = 0;
    std::uint32_t expected = 0;
    std::uint32_t pending = 0;
    std::int64_t bytes = 0;
    std::uint32_t phase = 0;
    unsigned engine = 0;
    released_clock gathering;
    released_clock completed;
    std::vector<lane_state*> waiting;
  };

  state* find(std::uint32_t address) noexcept {
    for (auto& s : barriers_) {
      if (s.address == address) return &s;
    }
    return nullptr;
  }

  /// Using an mbarrier reads it: whoever initialised it must have been ordered before.
  state& use(block& b, const char* function, std::uint32_t address, source_line line) {
    b.locate(function, address, 8, 8, line);
    state* s = find(address);
    if (s == nullptr) {
      b.fatal(problem::barrier_misuse, line, [&] {
        return b.here(function, line) + ": no mbarrier was initialised at shared byte " +
               std::to_string(address - shared_begin);
      });
    }
    if (b.checked()) b.shadow().read({b.lane().thread, address - shared_begin, 8, function, line});
    return *s;
  }

  void advance(block& b, state& s) {
    if (s.pending != 0 || s.bytes != 0) return;
    ++s.phase;
    s.pending = s.expected;
    std::swap(s.completed, s.gathering);
    s.gathering.clear();
    for (auto* waiting : s.waiting) {
      acquire(b, s, waiting->thread);
      b.wake(*waiting);
    }
    s.waiting.clear();
  }

  static void acquire(block& b, const state& s, unsigned lane) {
    if (!b.checked()) return;
    b.clocks().acquire(lane, s.completed);
    b.clocks().learn_phase(lane, s.engine, s.phase);
  }

  std::vector<state> barriers_;
};

}  // namespace heddle::inline v0::device::emulation
