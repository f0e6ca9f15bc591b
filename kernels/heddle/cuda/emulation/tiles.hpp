/// @file
/// The tile engine (TMA): copies boxes of a tensor to shared memory and back, asynchronously, as late as it can or at a
/// random moment.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <heddle/cuda/device/swizzle.hpp>

#include "block.hpp"
#include "mbarrier.hpp"

namespace heddle::inline v0::device::emulation {

/// What the tile engine knows of a tensor: extents and strides from the innermost dimension out.
struct tile_description {
  const void* base = nullptr;
  unsigned rank = 0;
  unsigned element_bytes = 0;
  std::uint64_t extents[5] = {};
  std::uint64_t strides[5] = {};  ///< bytes; the first is `element_bytes`
  std::uint32_t box[5] = {};
  swizzle mode = swizzle::none;

  std::uint32_t box_bytes() const noexcept {
    std::uint32_t bytes = element_bytes;
    for (unsigned r = 0; r < rank; ++r) bytes *= box[r];
    return bytes;
  }
  /// From the first element to the end of the last.
  std::size_t tensor_bytes() const noexcept {
    std::size_t bytes = element_bytes;
    for (unsigned r = 0; r < rank; ++r) bytes += (extents[r] - 1) * strides[r];
    return bytes;
  }
};

class tile_engine {
 public:
  void start(unsigned lanes) {
    loads_.clear();
    stores_.assign(lanes, {});
  }

  void load(block& b, mbarriers& barriers, std::uint32_t to, const tile_description& map, std::uint32_t barrier, const int* at,
            source_line line) {
    const char* function = "tile_load";
    const access a = check(b, function, to, map, line);
    barriers.check_for_engine(b, function, barrier, line);
    unsigned char* target = b.locate(function, to, a.bytes, 128, line);
    if (b.checked()) {
      b.shadow().check_fence(a);
      b.shadow().check_write(a);
      b.shadow().set_writer(a, b.clocks().in_flight(a.lane));
    }
    std::memset(target, 0xff, a.bytes);
    loads_.push_back(transfer{map, {}, target, to, barrier, a, 0});
    std::memcpy(loads_.back().at, at, map.rank * sizeof(int));
  }

  void store(block& b, const tile_description& map, const int* at, std::uint32_t from, source_line line) {
    const char* function = "tile_store";
    const access a = check(b, function, from, map, line);
    unsigned char* source = b.locate(function, from, a.bytes, 128, line);
    b.global(function, map.base, 1, 1, true, line);
    if (b.checked()) {
      b.shadow().check_fence(a);
      b.shadow().read(a);
      b.shadow().asynchronous_read(a, 1);
    }
    auto& mine = stores_[a.lane];
    mine.transfers.push_back(transfer{map, {}, source, from, 0, a, mine.groups});
    std::memcpy(mine.transfers.back().at, at, map.rank * sizeof(int));
  }

  void commit(block& b) noexcept { ++stores_[b.lane().thread].groups; }

  /// Waits for all groups of stores of this lane but the last `pending`.
  void wait(block& b, unsigned pending) {
    auto& mine = stores_[b.lane().thread];
    const unsigned done = mine.groups > pending ? mine.groups - pending : 0;
    std::size_t finished = 0;
    while (finished < mine.transfers.size() && mine.transfers[finished].group < done) {
      const transfer& t = mine.transfers[finished++];
      move(t, false);
      if (!b.checked()) continue;
      b.shadow().read(t.what);
      b.shadow().asynchronous_read(t.what, -1);
    }
    mine.transfers.erase(mine.transfers.begin(), mine.transfers.begin() + static_cast<std::ptrdiff_t>(finished));
  }

  /// Does one load; false if there is none. Runs outside the lanes; `choice` picks one of several.
  bool run_one(block& b, mbarriers& barriers, std::uint64_t choice) {
    if (loads_.empty()) return false;
    const auto chosen = loads_.begin() + static_cast<std::ptrdiff_t>(choice % loads_.size());
    const transfer t = *chosen;
    loads_.erase(chosen);
    move(t, true);
    if (b.checked()) b.shadow().set_writer(t.what, barriers.engine_stamp(b, t.barrier));
    barriers.complete_bytes(b, t.barrier, t.what.bytes);
    return true;
  }

  void report_loads_left(block& b) {
    for (const auto& t : loads_) {
      b.report(problem::unfinished_copy, t.what.line, {}, [&] {
        return "every lane ended before the tile that lane " + std::to_string(t.what.lane) + " loads at " +
               to_string(t.what.line) + " was there";
      });
    }
  }

  /// Called when a lane ends.
  void end(block& b) {
    const auto& mine = stores_[b.lane().thread];
    if (mine.transfers.empty()) return;
    const access& first = mine.transfers.front().what;
    b.report(problem::unfinished_copy, first.line, {}, [&] {
      return "lane " + std::to_string(first.lane) + " ended before its tile store at " + to_string(first.line) +
             " was waited for";
    });
  }

 private:
  struct transfer {
    tile_description map;
    int at[5];
    unsigned char* shared;
    std::uint32_t address;
    std::uint32_t barrier;
    access what;
    unsigned group;
  };
  struct lane_stores {
    std::vector<transfer> transfers;
    unsigned groups = 0;
  };

  static access check(block& b, const char* function, std::uint32_t address, const tile_description& map, source_line line) {
    b.global(function, map.base, map.tensor_bytes(), 16, false, line);
    const std::uint32_t alignment = map.mode == swizzle::none ? 128 : 8 * span_bytes(map.mode);
    if (address % alignment != 0) {
      b.fatal(problem::misaligned, line, [&] {
        return b.here(function, line) + ": a tile of this swizzle begins at a multiple of " + std::to_string(alignment) +
               " bytes";
      });
    }
    return {b.lane().thread, address - shared_begin, map.box_bytes(), function, line};
  }

  /// Element by element; what lies outside the tensor is read as zero and not written.
  static void move(const transfer& t, bool to_shared) {
    const tile_description& m = t.map;
    std::uint32_t index[5] = {};
    const std::uint32_t count = t.what.bytes / m.element_bytes;
    for (std::uint32_t i = 0; i < count; ++i) {
      bool inside = true;
      std::size_t offset = 0;
      for (unsigned r = 0; r < m.rank; ++r) {
        const std::int64_t x = static_cast<std::int64_t>(t.at[r]) + index[r];
        inside = inside && x >= 0 && x < static_cast<std::int64_t>(m.extents[r]);
        offset += static_cast<std::size_t>(x) * m.strides[r];
      }
      unsigned char* place = t.shared + (swizzled(t.address + i * m.element_bytes, m.mode) - t.address);
      if (!to_shared) {
        if (inside) std::memcpy(static_cast<unsigned char*>(const_cast<void*>(m.base)) + offset, place, m.element_bytes);
      } else if (inside) {
        std::memcpy(place, static_cast<const unsigned char*>(m.base) + offset, m.element_bytes);
      } else {
        std::memset(place, 0, m.element_bytes);
      }
      for (unsigned r = 0; r < m.rank && ++index[r] == m.box[r]; ++r) index[r] = 0;
    }
    ++counters().tiles;
  }

  std::vector<transfer> loads_;
  std::vector<lane_stores> stores_;
};

}  // namespace heddle::inline v0::device::emulation
