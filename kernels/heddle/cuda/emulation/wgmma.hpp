/// @file
/// Products of a warpgroup (wgmma): started together by 128 lanes, computed when they are waited for, from operands that
/// descriptors name in shared memory. Until then the accumulators hold no numbers.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include <heddle/cuda/device/swizzle.hpp>

#include "block.hpp"
#include "matrix.hpp"

namespace heddle::inline v0::device::emulation {

/// Where element (row of M or N, k) of an operand lies, by its descriptor: start address, leading and stride offsets in
/// units of 16 bytes from bits 0, 16 and 32, the swizzle in bits 62 and 63. `mn_major`: neighbours along M or N are
/// neighbours in memory, else along k.
inline std::uint32_t operand_address(std::uint64_t descriptor, bool mn_major, unsigned row, unsigned k) noexcept {
  const auto start = static_cast<std::uint32_t>(descriptor & 0x3fff) << 4;
  const auto leading = static_cast<std::uint32_t>(descriptor >> 16 & 0x3fff) << 4;
  const auto stride = static_cast<std::uint32_t>(descriptor >> 32 & 0x3fff) << 4;
  const auto mode = static_cast<swizzle>(descriptor >> 62);
  const std::uint32_t span = span_bytes(mode);
  std::uint32_t offset = 0;
  if (mode == swizzle::none) {
    offset = mn_major ? row % 8 * 2 + row / 8 * stride + k % 8 * 16 + k / 8 * leading
                      : row % 8 * 16 + row / 8 * stride + k % 8 * 2 + k / 8 * leading;
  } else if (mn_major) {
    offset = row % (span / 2) * 2 + row / (span / 2) * leading + k % 8 * span + k / 8 * stride;
  } else {
    offset = row % 8 * span + row / 8 * stride + k * 2;
  }
  return swizzled(start + offset, mode);
}

/// One lane's share of a product of 64 x N x 16.
struct warpgroup_operands {
  float* accumulators;     ///< N / 2 registers
  source_line* pending;    ///< where the product was started; no file: not pending
  const std::uint32_t* a;  ///< four registers, or null: `a_descriptor`
  std::uint64_t a_descriptor;
  std::uint64_t b_descriptor;
  bool accumulate;  ///< else the accumulators start at zero
};

/// What all lanes of a product agree on.
struct warpgroup_shape {
  operand_format format = operand_format::bf16;
  unsigned columns = 0;
  bool a_mn_major = false;
  bool b_mn_major = false;
  const char* function = "";
};

class warpgroup_unit {
 public:
  void start(unsigned lanes) {
    groups_.clear();
    groups_.resize(lanes / 128);
  }

  /// Registers written before are visible to the products that follow.
  void fence(block& b, source_line line) {
    int nothing = 0;
    b.warpgroup_together("wgmma_fence", 0, line, nothing, [&](int* const*) { here(b).fenced = true; });
  }

  void commit(block& b, source_line line) {
    int nothing = 0;
    b.warpgroup_together("wgmma_commit", 0, line, nothing, [&](int* const*) { ++here(b).committed; });
  }

  void issue(block& b, const warpgroup_shape& shape, warpgroup_operands mine, source_line line) {
    const std::uint64_t what = shape.columns * 16u + (shape.a_mn_major ? 1u : 0u) + (shape.b_mn_major ? 2u : 0u);
    b.warpgroup_together(shape.function, what, line, mine,
                         [&](warpgroup_operands* const* lanes) { start_product(b, shape, lanes, line); });
  }

  /// Waits for all groups but the last `pending`.
  void wait(block& b, unsigned pending, source_line line) {
    int nothing = 0;
    b.warpgroup_together("wgmma_wait", pending, line, nothing, [&](int* const*) {
      group_state& g = here(b);
      const unsigned done = g.committed > pending ? g.committed - pending : 0;
      std::size_t finished = 0;
      while (finished < g.products.size() && g.products[finished].group < done) compute(b, g.products[finished++]);
      g.products.erase(g.products.begin(), g.products.begin() + static_cast<std::ptrdiff_t>(finished));
      g.fenced = false;
      write_back(g);
    });
  }

  /// Called when a lane ends.
  void end(block& b) {
    const unsigned thread = b.lane().thread;
    if (thread / 128 >= groups_.size() || groups_[thread / 128].products.empty()) return;
    const product& first = groups_[thread / 128].products.front();
    b.report(problem::pending_register, first.line, {},
             [&] { return "a warpgroup ended before the product started at " + to_string(first.line) + " was waited for"; });
  }

 private:
  /// The accumulators of a warpgroup while products work on them; lane l of warp w holds rows 16 w + l / 4 (+ 8), columns
  /// 8 j + 2 (l % 4) (+ 1).
  struct accumulators {
    float* registers[128];
    source_line* pending[128];
    unsigned columns = 0;
    unsigned products = 0;
    std::vector<float> values;  // [64, columns]
  };
  struct product {
    warpgroup_shape shape;
    const std::uint32_t* a[128];
    std::uint64_t a_descriptor;
    std::uint64_t b_descriptor;
    bool accumulate;
    accumulators* to;
    unsigned group;
    source_line line;
    unsigned first_lane;
  };
  struct group_state {
    bool fenced = false;
    unsigned committed = 0;
    std::vector<product> products;
    std::vector<std::unique_ptr<accumulators>> pending;
  };

  group_state& here(block& b) { return groups_[b.lane().thread / 128]; }

  static unsigned register_row(unsigned lane, unsigned i) noexcept { return lane / 32 * 16 + lane % 32 / 4 + 8 * (i / 2 % 2); }
  static unsigned register_column(unsigned lane, unsigned i) noexcept { return i / 4 * 8 + 2 * (lane % 4) + i % 2; }

  void start_product(block& b, const warpgroup_shape& shape, warpgroup_operands* const* lanes, source_line line) {
    group_state& g = here(b);
    if (!g.fenced) {
      b.report(problem::missing_fence, line, {},
               [&] { return b.here(shape.function, line) + ": no wgmma_fence since registers were last used"; });
    }
    for (unsigned i = 1; i < 128; ++i) {
      if (lanes[i]->a_descriptor == lanes[0]->a_descriptor && lanes[i]->b_descriptor == lanes[0]->b_descriptor &&
          lanes[i]->accumulate == lanes[0]->accumulate) {
        continue;
      }
      b.fatal(problem::diverged, line,
              [&] { return b.here(shape.function, line) + ": lanes of a warpgroup name different operands"; });
    }
    product p{shape,       {},   lanes[0]->a_descriptor,     lanes[0]->b_descriptor, lanes[0]->accumulate, nullptr,
              g.committed, line, b.lane().thread / 128 * 128};
    for (unsigned i = 0; i < 128; ++i) p.a[i] = lanes[i]->a;
    p.to = take(g, shape.columns, lanes, line);
    ++p.to->products;
    visit_operands(b, p, true);
    g.products.push_back(p);
    ++counters().products;
  }

  /// The accumulators that begin at these registers, as pending ones.
  static accumulators* take(group_state& g, unsigned columns, warpgroup_operands* const* lanes, source_line line) {
    for (auto& known : g.pending) {
      if (known->registers[0] == lanes[0]->accumulators && known->columns == columns) return known.get();
    }
    g.pending.push_back(std::make_unique<accumulators>());
    accumulators& fresh = *g.pending.back();
    fresh.columns = columns;
    fresh.values.resize(std::size_t{64} * columns);
    for (unsigned lane = 0; lane < 128; ++lane) {
      fresh.registers[lane] = lanes[lane]->accumulators;
      fresh.pending[lane] = lanes[lane]->pending;
      *fresh.pending[lane] = line;
      for (unsigned i = 0; i < columns / 2; ++i) {
        fresh.values[register_row(lane, i) * columns + register_column(lane, i)] = fresh.registers[lane][i];
      }
      std::memset(fresh.registers[lane], 0xff, columns / 2 * sizeof(float));
    }
    return &fresh;
  }

  /// Accumulators that no product works on any more return to their registers.
  static void write_back(group_state& g) {
    for (std::size_t n = 0; n < g.pending.size();) {
      accumulators& a = *g.pending[n];
      if (a.products != 0) {
        ++n;
        continue;
      }
      for (unsigned lane = 0; lane < 128; ++lane) {
        *a.pending[lane] = {};
        for (unsigned i = 0; i < a.columns / 2; ++i) {
          a.registers[lane][i] = a.values[register_row(lane, i) * a.columns + register_column(lane, i)];
        }
      }
      g.pending.erase(g.pending.begin() + static_cast<std::ptrdiff_t>(n));
    }
  }

  /// Every 16-byte piece of the operands in shared memory: what is there must be written, ordered and fenced, when the
  /// product is started and when it is done, for each of the four warps.
  static void visit_operands(block& b, const product& p, bool at_start) {
    const auto visit = [&](std::uint64_t descriptor, bool mn_major, unsigned rows) {
      for (unsigned k = 0; k < 16; k += mn_major ? 1 : 8) {
        for (unsigned row = 0; row < rows; row += mn_major ? 8 : 1)
          visit_piece(b, p, operand_address(descriptor, mn_major, row, k), at_start);
      }
    };
    if (p.a[0] == nullptr) visit(p.a_descriptor, p.shape.a_mn_major, 64);
    visit(p.b_descriptor, p.shape.b_mn_major, p.shape.columns);
  }

  static void visit_piece(block& b, const product& p, std::uint32_t address, bool at_start) {
    b.locate(p.shape.function, address, 16, 16, p.line);
    if (!b.checked()) return;
    for (unsigned warp = 0; warp < 4; ++warp) {
      const access a{p.first_lane + 32 * warp, address - shared_begin, 16, p.shape.function, p.line};
      b.shadow().read(a);
      if (at_start) b.shadow().check_fence(a);
    }
    b.shadow().asynchronous_read({p.first_lane, address - shared_begin, 16, p.shape.function, p.line}, at_start ? 1 : -1);
  }

  static float element(block& b, const product& p, std::uint64_t descriptor, bool mn_major, unsigned row, unsigned k) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, b.at(operand_address(descriptor, mn_major, row, k)), 2);
    return operand_value(p.shape.format, bits);
  }

  /// A of a product, from shared memory or from the lanes' registers.
  static void gather_left(block& b, const product& p, float (&left)[64][16]) {
    if (p.a[0] == nullptr) {
      for (unsigned row = 0; row < 64; ++row) {
        for (unsigned k = 0; k < 16; ++k) left[row][k] = element(b, p, p.a_descriptor, p.shape.a_mn_major, row, k);
      }
      return;
    }
    for (unsigned lane = 0; lane < 128; ++lane) {
      for (unsigned r = 0; r < 4; ++r) {
        const unsigned row = lane / 32 * 16 + lane % 32 / 4 + 8 * (r % 2);
        const unsigned k = 2 * (lane % 4) + 8 * (r / 2);
        left[row][k] = operand_value(p.shape.format, static_cast<std::uint16_t>(p.a[lane][r]));
        left[row][k + 1] = operand_value(p.shape.format, static_cast<std::uint16_t>(p.a[lane][r] >> 16));
      }
    }
  }

  static void compute(block& b, product& p) {
    visit_operands(b, p, false);
    float left[64][16];
    gather_left(b, p, left);
    const unsigned columns = p.shape.columns;
    for (unsigned n = 0; n < columns; n += 8) {
      eight_columns right[16];
      for (unsigned k = 0; k < 16; ++k) {
        for (unsigned j = 0; j < 8; ++j) right[k][j] = element(b, p, p.b_descriptor, p.shape.b_mn_major, n + j, k);
      }
      for (unsigned row = 0; row < 64; ++row) {
        float* to = p.to->values.data() + row * columns + n;
        eight_columns sums = {};
        if (p.accumulate) std::memcpy(&sums, to, sizeof(sums));
        for (unsigned k = 0; k < 16; ++k) sums += left[row][k] * right[k];
        std::memcpy(to, &sums, sizeof(sums));
      }
    }
    --p.to->products;
  }

  std::vector<group_state> groups_;
};

}  // namespace heddle::inline v0::device::emulation
