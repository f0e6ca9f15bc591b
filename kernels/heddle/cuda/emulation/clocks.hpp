/// @file
/// What happened before what: a vector clock for each lane of a block (Mattern 1989; Fidge 1988), and stamps of accesses.
///
/// A barrier of the whole block orders everything before it, whoever did it: it begins a new epoch, in which all vectors
/// start at zero, so that kernels without finer synchronisation pay nothing for their vectors.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace heddle::inline v0::device::emulation {

/// Who accessed a cell, and when. Written by the engine: `lane` is the number of its mbarrier, `clock` the phase.
struct stamp {
  enum kind_type : std::uint8_t { none, by_lane, by_engine, in_flight };
  std::uint64_t epoch : 28;
  std::uint64_t clock : 24;
  std::uint64_t lane : 10;
  std::uint64_t kind : 2;

  static stamp of(std::uint32_t epoch, std::uint32_t clock, unsigned lane, kind_type kind) noexcept {
    stamp s{};
    s.epoch = epoch & 0xfffffffu;
    s.clock = clock & 0xffffffu;
    s.lane = lane & 0x3ffu;
    s.kind = static_cast<std::uint8_t>(kind) & 3u;
    return s;
  }
};
static_assert(sizeof(stamp) == 8);

/// What a barrier remembers of those who arrived.
struct released_clock {
  std::uint32_t epoch = 0;
  std::vector<std::uint32_t> lanes;
  std::vector<std::uint32_t> engines;

  void clear() noexcept {
    std::fill(lanes.begin(), lanes.end(), 0u);
    std::fill(engines.begin(), engines.end(), 0u);
  }
};

class lane_clocks {
 public:
  static constexpr unsigned most_engines = 64;

  /// Forgets everything before: nothing of an earlier block is unordered with this one.
  void start(unsigned lanes) {
    lanes_ = lanes;
    engines_ = 0;
    now_.assign(lanes, 1);
    trivial_.assign(lanes, true);
    if (vectors_.size() < std::size_t{lanes} * lanes) vectors_.resize(std::size_t{lanes} * lanes);
    known_phases_.assign(std::size_t{lanes} * most_engines, 0);
    fences_.assign(lanes, {});
    ++epoch_;
    first_epoch_ = epoch_;
  }
  /// True if the epochs would soon be too many for stamps: whoever keeps stamps clears them, then calls `restart`.
  bool worn_out() const noexcept { return epoch_ >> 27 != 0; }
  void restart() noexcept { epoch_ = 0; }
  std::uint32_t first_epoch() const noexcept { return first_epoch_; }

  /// A pseudo-lane for an mbarrier, whose phases say what the engine has written.
  unsigned add_engine() noexcept { return engines_ < most_engines ? engines_++ : most_engines - 1; }

  stamp now(unsigned lane) const noexcept { return stamp::of(epoch_, now_[lane], lane, stamp::by_lane); }
  stamp in_flight(unsigned lane) const noexcept { return stamp::of(epoch_, now_[lane], lane, stamp::in_flight); }
  stamp written_by_engine(unsigned engine, std::uint32_t phase) const noexcept {
    return stamp::of(epoch_, phase, engine, stamp::by_engine);
  }

  /// True if what `s` stamps happened before what `lane` does now.
  bool ordered(stamp s, unsigned lane) const noexcept {
    if (s.kind == stamp::by_engine) return known_phases_[std::size_t{lane} * most_engines + s.lane] >= s.clock;
    return s.epoch < epoch_ || s.lane == lane || (!trivial_[lane] && vector(lane)[s.lane] >= s.clock);
  }

  /// Adds what `lane` knows to `to`. What the lane does afterwards is not ordered by this release: its clock advances now,
  /// not when the barrier completes.
  void release(unsigned lane, released_clock& to) {
    if (to.lanes.size() != lanes_) to.lanes.assign(lanes_, 0);
    if (to.epoch != epoch_) std::fill(to.lanes.begin(), to.lanes.end(), 0u);
    to.epoch = epoch_;
    if (!trivial_[lane]) {
      const std::uint32_t* mine = vector(lane);
      for (unsigned i = 0; i < lanes_; ++i) to.lanes[i] = std::max(to.lanes[i], mine[i]);
    }
    to.lanes[lane] = now_[lane]++;
    join_phases(lane, to);
  }

  /// Everything that was released to `from` happened before what `lane` does from now on.
  void acquire(unsigned lane, const released_clock& from) {
    if (from.epoch == epoch_ && from.lanes.size() == lanes_) {
      std::uint32_t* mine = vector(lane);
      if (trivial_[lane]) {
        std::copy(from.lanes.begin(), from.lanes.end(), mine);
        trivial_[lane] = false;
      } else {
        for (unsigned i = 0; i < lanes_; ++i) mine[i] = std::max(mine[i], from.lanes[i]);
      }
    }
    for (std::size_t e = 0; e < from.engines.size(); ++e) learn_phase(lane, static_cast<unsigned>(e), from.engines[e]);
  }

  /// `lane` knows what the engine wrote up to this phase.
  void learn_phase(unsigned lane, unsigned engine, std::uint32_t phase) noexcept {
    auto& known = known_phases_[std::size_t{lane} * most_engines + engine];
    known = std::max(known, phase);
  }

  /// All lanes met.
  void full_barrier() {
    ++epoch_;
    std::fill(now_.begin(), now_.end(), 1u);
    std::fill(trivial_.begin(), trivial_.end(), true);
    for (unsigned e = 0; e < engines_; ++e) {
      std::uint32_t most = 0;
      for (unsigned lane = 0; lane < lanes_; ++lane) most = std::max(most, known_phases_[std::size_t{lane} * most_engines + e]);
      for (unsigned lane = 0; lane < lanes_; ++lane) known_phases_[std::size_t{lane} * most_engines + e] = most;
    }
  }

  /// `lane` made what it knows visible to the asynchronous proxy.
  void fence(unsigned lane) {
    auto& f = fences_[lane];
    f.epoch = epoch_;
    if (trivial_[lane]) {
      f.lanes.clear();
    } else {
      f.lanes.assign(vector(lane), vector(lane) + lanes_);
    }
    f.own = now_[lane]++;
  }

  /// True if an ordinary write stamped `s` went through a fence, its writer's or one of `lane`, which starts asynchronous work.
  bool fenced(stamp s, unsigned lane) const noexcept {
    if (s.kind != stamp::by_lane) return true;
    const auto covers = [&](unsigned who) {
      const auto& f = fences_[who];
      if (s.epoch != f.epoch) return s.epoch < f.epoch;
      if (s.lane == who) return s.clock <= f.own;
      return !f.lanes.empty() && f.lanes[s.lane] >= s.clock;
    };
    return covers(s.lane) || covers(lane);
  }

 private:
  struct fence_state {
    std::uint32_t epoch = 0;
    std::uint32_t own = 0;
    std::vector<std::uint32_t> lanes;
  };

  std::uint32_t* vector(unsigned lane) noexcept { return vectors_.data() + std::size_t{lane} * lanes_; }
  const std::uint32_t* vector(unsigned lane) const noexcept { return vectors_.data() + std::size_t{lane} * lanes_; }

  void join_phases(unsigned lane, released_clock& to) const {
    if (to.engines.size() < engines_) to.engines.resize(engines_, 0);
    for (unsigned e = 0; e < engines_; ++e) {
      to.engines[e] = std::max(to.engines[e], known_phases_[std::size_t{lane} * most_engines + e]);
    }
  }

  unsigned lanes_ = 0;
  unsigned engines_ = 0;
  std::uint32_t epoch_ = 0;
  std::uint32_t first_epoch_ = 0;
  std::vector<std::uint32_t> now_;
  std::vector<char> trivial_;
  std::vector<std::uint32_t> vectors_;
  std::vector<std::uint32_t> known_phases_;
  std::vector<fence_state> fences_;
};

}  // namespace heddle::inline v0::device::emulation
