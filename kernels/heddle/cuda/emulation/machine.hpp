/// @file
/// The emulated device: runs the blocks of a grid one after another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>

#include <heddle/core/error.hpp>

#include "block.hpp"
#include "copies.hpp"
#include "mbarrier.hpp"
#include "tiles.hpp"
#include "wgmma.hpp"

namespace heddle::inline v0::device::emulation {

class machine : public block {
 public:
  lane_copies copies;
  mbarriers barriers;
  tile_engine tiles;
  warpgroup_unit products;

  /// The machine of this thread. Kernels find it here, as they find their registers on a device.
  static machine& current() noexcept {
    static thread_local machine* only = nullptr;
    if (only == nullptr) {
      static thread_local machine here;
      only = &here;
    }
    return *only;
  }

  void run(std::uint32_t blocks, unsigned block_threads, std::uint32_t bytes, void (*body)(const void*), const void* functor,
           detail::report_list& reports) {
    grid = blocks;
    threads = block_threads;
    shared_bytes = bytes;
    body_ = body;
    functor_ = functor;
    const std::uint64_t seed = options().seed;
    for (std::uint32_t i = 0; i < blocks; ++i) {
      index = seed == 0 ? i : shuffled(i, blocks, seed);
      copies.start(block_threads);
      barriers.start();
      tiles.start(block_threads);
      products.start(block_threads);
      run_lanes(&machine::run_lane, &machine::idle, this, reports, seed == 0 ? 0 : (seed + i) * 0x9e3779b97f4a7c15u);
    }
  }

 private:
  /// Another order of the blocks for every seed: no block may need what an earlier one did.
  static std::uint32_t shuffled(std::uint32_t i, std::uint32_t blocks, std::uint64_t seed) noexcept {
    std::uint64_t step = seed * 0x9e3779b97f4a7c15u % blocks;
    while (std::gcd(step, std::uint64_t{blocks}) != 1) ++step;
    return static_cast<std::uint32_t>((i * step + seed % blocks) % blocks);
  }

  static void run_lane(void* self) {
    auto& m = *static_cast<machine*>(self);
    m.body_(m.functor_);
    m.copies.end(m);
    m.tiles.end(m);
    m.products.end(m);
  }
  static bool idle(void* self) {
    auto& m = *static_cast<machine*>(self);
    if (m.all_ended()) {
      m.tiles.report_loads_left(m);
      return false;
    }
    return m.tiles.run_one(m, m.barriers, m.at_random() ? m.random() : 0);
  }

  void (*body_)(const void*) = nullptr;
  const void* functor_ = nullptr;
};

/// Runs a kernel. Mistakes go to the innermost `report_scope`; without one they are raised as one error of a line each.
inline void run_grid(std::uint64_t blocks, unsigned threads, std::size_t shared_bytes, void (*body)(const void*),
                     const void* functor, std::string (*what)()) {
  detail::report_list own;
  detail::report_list* collector = detail::collector;
  {
    const open_memory open;
    machine::current().run(static_cast<std::uint32_t>(blocks), threads, static_cast<std::uint32_t>(shared_bytes), body, functor,
                           collector != nullptr ? *collector : own);
  }
  if (own.entries.empty()) return;
  std::string text = what() + ": mistakes found by emulation";
  for (const auto& r : own.entries) text += "\n  " + to_string(r);
  ::heddle::detail::raise<::heddle::error>(text);
}

}  // namespace heddle::inline v0::device::emulation
