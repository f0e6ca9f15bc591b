/// @file
/// The shadow of a block's shared memory: for every two bytes who wrote them last, who of each warp read them last, and
/// whether an asynchronous copy is on its way there. Races are found by what orders two accesses, not by when they happened
/// to run, so a schedule in which a race does no harm reports it as well.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "clocks.hpp"
#include "report.hpp"

namespace heddle::inline v0::device::emulation {

/// An access as reports name it.
struct access {
  unsigned lane = 0;
  std::uint32_t address = 0;
  std::uint32_t bytes = 0;
  const char* function = "";
  source_line line{};
};

inline std::string to_string(const access& a) {
  return std::string(a.function) + " of shared bytes " + std::to_string(a.address) + " to " +
         std::to_string(a.address + a.bytes - 1) + " by lane " + std::to_string(a.lane) + " at " + to_string(a.line);
}

class shadow_memory {
 public:
  void start(std::size_t bytes, unsigned warps, const lane_clocks& clocks, detail::report_list& reports) {
    clocks_ = &clocks;
    reports_ = &reports;
    warps_ = warps;
    const std::size_t cells = (bytes + 1) / 2;
    // What earlier blocks left is older than the first epoch of this one, so nothing has to be cleared.
    if (writers_.size() < cells) {
      writers_.resize(cells, stamp{});
      writer_lines_.resize(cells, 0);
    }
    if (readers_.size() < cells * warps) {
      readers_.resize(cells * warps, stamp{});
      reader_lines_.resize(cells * warps, 0);
    }
    if (asynchronous_readers_ != 0)
      std::fill(reading_.begin(), reading_.end(), std::uint16_t{0});  // of a block that was stopped
    asynchronous_readers_ = 0;
  }

  /// Forgets all stamps.
  void clear() {
    std::fill(writers_.begin(), writers_.end(), stamp{});
    std::fill(readers_.begin(), readers_.end(), stamp{});
  }

  void read(const access& a) {
    const std::uint16_t line = number_of(a.line);
    const unsigned warp = a.lane / 32;
    const stamp now = clocks_->now(a.lane);
    for (std::size_t cell = a.address / 2; cell < (a.address + a.bytes + 1) / 2; ++cell) {
      check_written_before(a, cell, true);
      readers_[cell * warps_ + warp] = now;
      reader_lines_[cell * warps_ + warp] = line;
    }
  }

  void write(const access& a) {
    const stamp now = clocks_->now(a.lane);
    check_write(a);
    set_writer(a, now);
  }

  /// An asynchronous unit reads these bytes from now on (+1) or no longer (-1): until then nobody may write them.
  void asynchronous_read(const access& a, int change) {
    if (reading_.size() < writers_.size()) {
      reading_.resize(writers_.size(), 0);
      reading_lines_.resize(writers_.size(), 0);
    }
    const std::uint16_t line = number_of(a.line);
    for (std::size_t cell = a.address / 2; cell < (a.address + a.bytes + 1) / 2; ++cell) {
      reading_[cell] = static_cast<std::uint16_t>(reading_[cell] + change);
      if (change > 0) reading_lines_[cell] = line;
      asynchronous_readers_ += static_cast<std::size_t>(change);
    }
  }

  /// What must hold for a write of these bytes now.
  void check_write(const access& a) {
    if (asynchronous_readers_ != 0) check_not_being_read(a);
    for (std::size_t cell = a.address / 2; cell < (a.address + a.bytes + 1) / 2; ++cell) {
      check_written_before(a, cell, false);
      for (unsigned w = 0; w < warps_; ++w) {
        const stamp reader = readers_[cell * warps_ + w];
        if (reader.kind == stamp::none || reader.epoch < clocks_->first_epoch() || clocks_->ordered(reader, a.lane)) continue;
        race(a, "read", reader, lines_[reader_lines_[cell * warps_ + w]]);
      }
    }
  }

  /// Marks these bytes: in flight, or written by a lane or an engine.
  void set_writer(const access& a, stamp s) {
    const std::uint16_t line = number_of(a.line);
    for (std::size_t cell = a.address / 2; cell < (a.address + a.bytes + 1) / 2; ++cell) {
      writers_[cell] = s;
      writer_lines_[cell] = line;
    }
  }

  /// Asynchronous units see ordinary writes only through a proxy fence.
  void check_fence(const access& a) {
    for (std::size_t cell = a.address / 2; cell < (a.address + a.bytes + 1) / 2; ++cell) {
      const stamp writer = writers_[cell];
      if (writer.kind != stamp::by_lane || writer.epoch < clocks_->first_epoch() || clocks_->fenced(writer, a.lane)) continue;
      const source_line other = lines_[writer_lines_[cell]];
      add(problem::missing_fence, a, other, [&] {
        return " uses what lane " + std::to_string(writer.lane) + " stored at " + to_string(other) +
               " without fence_async_proxy between";
      });
    }
  }

 private:
  void check_not_being_read(const access& a) {
    for (std::size_t cell = a.address / 2; cell < (a.address + a.bytes + 1) / 2; ++cell) {
      if (reading_[cell] == 0) continue;
      const source_line other = lines_[reading_lines_[cell]];
      add(problem::in_flight, a, other, [&] { return ": what was started at " + to_string(other) + " still reads there"; });
    }
  }

  void check_written_before(const access& a, std::size_t cell, bool must_be_written) {
    const stamp writer = writers_[cell];
    if (writer.kind == stamp::none || writer.epoch < clocks_->first_epoch()) {
      if (must_be_written) add(problem::never_written, a, {}, [] { return std::string(": nothing was written there"); });
      return;
    }
    if (writer.kind == stamp::in_flight) {
      const source_line other = lines_[writer_lines_[cell]];
      add(problem::in_flight, a, other, [&] {
        return ": the copy that lane " + std::to_string(writer.lane) + " started at " + to_string(other) + " is in flight";
      });
    } else if (!clocks_->ordered(writer, a.lane)) {
      race(a, "write", writer, lines_[writer_lines_[cell]]);
    }
  }

  void race(const access& a, const char* before, stamp other, source_line line) {
    add(problem::race, a, line, [&] {
      const std::string who =
          other.kind == stamp::by_engine ? std::string("the tile engine") : "lane " + std::to_string(other.lane);
      return std::string(": nothing orders it after the ") + before + " by " + who + " at " + to_string(line);
    });
  }

  template <class Text>
  void add(problem kind, const access& a, source_line other, Text&& text) {
    if (reports_->add(kind, a.line, other))
      reports_->entries.back().text = std::string(name(kind)) + ": " + to_string(a) + text();
  }

  /// Lines by number: an access stores two bytes for its line.
  std::uint16_t number_of(source_line line) {
    const std::size_t slot = (reinterpret_cast<std::uintptr_t>(line.file) / 8 + static_cast<std::size_t>(line.line)) % slots;
    if (cache_[slot] < lines_.size() && lines_[cache_[slot]] == line) return cache_[slot];
    std::size_t n = 0;
    while (n < lines_.size() && !(lines_[n] == line)) ++n;
    if (n == lines_.size()) {
      if (n == 65535) return 0;
      lines_.push_back(line);
    }
    cache_[slot] = static_cast<std::uint16_t>(n);
    return cache_[slot];
  }

  static constexpr std::size_t slots = 512;
  const lane_clocks* clocks_ = nullptr;
  detail::report_list* reports_ = nullptr;
  unsigned warps_ = 0;
  std::vector<stamp> writers_;
  std::vector<std::uint16_t> writer_lines_;
  std::vector<stamp> readers_;
  std::vector<std::uint16_t> reader_lines_;
  std::vector<std::uint16_t> reading_;  // asynchronous readers of each cell
  std::vector<std::uint16_t> reading_lines_;
  std::size_t asynchronous_readers_ = 0;
  std::vector<source_line> lines_{source_line{"unknown", 0}};
  std::uint16_t cache_[slots] = {};
};

}  // namespace heddle::inline v0::device::emulation
