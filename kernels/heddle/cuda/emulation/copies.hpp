/// @file
/// Copies that lanes start and wait for in groups (cp.async): poisoned and marked when issued, done when waited for.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "block.hpp"

namespace heddle::inline v0::device::emulation {

class lane_copies {
 public:
  void start(unsigned lanes) {
    lanes_.resize(lanes);
    for (auto& l : lanes_) {
      l.copies.clear();
      l.groups = 0;
    }
  }

  /// `valid` of `bytes` bytes are copied, the rest becomes zero.
  void issue(block& b, const char* function, std::uint32_t to, const void* from, std::uint32_t bytes, std::uint32_t valid,
             source_line line) {
    unsigned char* target = b.locate(function, to, bytes, bytes, line);
    if (valid > bytes) {
      b.fatal(problem::out_of_bounds, line, [&] { return b.here(function, line) + ": more valid bytes than the copy has"; });
    }
    if (valid != 0) b.global(function, from, valid, bytes, false, line);
    const access a{b.lane().thread, to - shared_begin, bytes, function, line};
    if (b.checked()) {
      b.shadow().check_write(a);
      b.shadow().set_writer(a, b.clocks().in_flight(a.lane));
    }
    std::memset(target, 0xff, bytes);
    auto& l = lanes_[a.lane];
    l.copies.push_back({target, from, valid, a, l.groups});
    ++counters().copies;
  }

  void commit(block& b) noexcept { ++lanes_[b.lane().thread].groups; }

  /// All but the last `pending` groups of the current lane are there.
  void wait(block& b, unsigned pending) {
    auto& l = lanes_[b.lane().thread];
    const unsigned done = l.groups > pending ? l.groups - pending : 0;  // groups before this one
    std::size_t finished = 0;
    while (finished < l.copies.size() && l.copies[finished].group < done) finish(b, l.copies[finished++]);
    l.copies.erase(l.copies.begin(), l.copies.begin() + static_cast<std::ptrdiff_t>(finished));
  }

  /// Called when a lane ends.
  void end(block& b) {
    auto& l = lanes_[b.lane().thread];
    if (l.copies.empty()) return;
    const access& first = l.copies.front().what;
    b.report(problem::unfinished_copy, first.line, {}, [&] {
      return "lane " + std::to_string(first.lane) + " ended with " + std::to_string(l.copies.size()) +
             " copies it had not waited for; the first was started at " + to_string(first.line);
    });
  }

 private:
  struct copy {
    unsigned char* to;
    const void* from;
    std::uint32_t valid;
    access what;
    unsigned group;
  };
  struct lane_queue {
    std::vector<copy> copies;
    unsigned groups = 0;
  };

  static void finish(block& b, const copy& c) {
    if (c.valid != 0) std::memcpy(c.to, c.from, c.valid);
    std::memset(c.to + c.valid, 0, c.what.bytes - c.valid);
    if (b.checked()) b.shadow().set_writer(c.what, b.clocks().now(c.what.lane));
  }

  std::vector<lane_queue> lanes_;
};

}  // namespace heddle::inline v0::device::emulation
