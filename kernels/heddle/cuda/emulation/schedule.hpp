/// @file
/// The lanes of a block as fibers of one thread, and who runs next.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "fiber.hpp"
#include "report.hpp"

namespace heddle::inline v0::device::emulation {

/// One lane. It waits in a function of the device layer, at a line of the kernel, or is ready, or has ended.
struct lane_state {
  fiber flow;
  unsigned thread = 0;
  bool ended = false;
  const char* waits_in = nullptr;  // null: ready
  source_line waits_at{};
};

/// How many lanes wait where, and how many have ended.
inline std::string describe_waiting(const std::vector<lane_state>& lanes) {
  unsigned ended = 0;
  std::vector<std::pair<const lane_state*, unsigned>> places;
  for (const auto& l : lanes) {
    if (l.ended) {
      ++ended;
      continue;
    }
    const auto known =
        std::find_if(places.begin(), places.end(), [&](const auto& p) { return p.first->waits_at == l.waits_at; });
    if (known == places.end()) {
      places.push_back({&l, 1});
    } else {
      ++known->second;
    }
  }
  std::string text;
  for (const auto& [first, count] : places) {
    text += std::to_string(count) + " lanes (the first is " + std::to_string(first->thread) + ") wait in " + first->waits_in +
            " at " + to_string(first->waits_at) + ", ";
  }
  return text + std::to_string(ended) + " have ended";
}

class schedule {
 public:
  /// Runs `body(argument)` in each of `lanes` lanes until all have ended, one of them stops the block, or all that are left
  /// wait. `idle(argument)` does one piece of asynchronous work, and says whether there was any.
  template <class Lanes>
  void run(Lanes& lanes, void (*body)(void*), bool (*idle)(void*), void* argument, std::uint64_t seed) {
    pool_.reserve(static_cast<unsigned>(lanes.size()));
    body_ = body;
    idle_ = idle;
    argument_ = argument;
    random_ = seed;
    ready_.resize(lanes.size());
    first_ready_ = 0;
    ready_count_ = 0;
    stopped_ = false;
    main_ = fiber{};
    for (auto& lane : lanes) {
      lane.flow = fiber{};
      lane.flow.start(pool_.stack(lane.thread), stack_pool::stack_bytes, &schedule::enter);
      wake(lane);
    }
    schedule* outer = active();
    active() = this;
    while (!stopped_) {
      if (ready_count_ == 0) {
        if (!idle_(argument_)) break;
        continue;
      }
      if (random_ != 0 && next_random() % 2 == 0) idle_(argument_);
      lane_ = take();
      ++counters().switches;
      fiber::switch_to(main_, lane_->flow);
    }
    active() = outer;
    lane_ = nullptr;
  }

  lane_state& current() noexcept { return *lane_; }
  bool inside() const noexcept { return lane_ != nullptr; }

  void wake(lane_state& lane) noexcept {
    lane.waits_in = nullptr;
    std::size_t last = first_ready_ + ready_count_++;
    if (last >= ready_.size()) last -= ready_.size();
    ready_[last] = &lane;
  }

  /// The current lane waits until someone wakes it.
  void wait(const char* function, source_line line) {
    lane_->waits_in = function;
    lane_->waits_at = line;
    leave(false);
  }

  /// The current lane lets others run first: in random order only, where asynchronous work may come in between.
  void yield(const char* function, source_line line) {
    wake(*lane_);
    lane_->waits_in = function;
    lane_->waits_at = line;
    leave(false);
    lane_->waits_in = nullptr;
  }

  /// The block ends here: no lane goes on. Nothing on the lanes' stacks is destroyed.
  [[noreturn]] void stop() {
    stopped_ = true;
    fiber::switch_to(lane_->flow, main_, true);
    std::abort();  // never continued
  }

  std::uint64_t next_random() noexcept {  // xorshift64, Marsaglia 2003
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return random_;
  }
  bool at_random() const noexcept { return random_ != 0; }
  bool stopped() const noexcept { return stopped_; }

 private:
  static schedule*& active() noexcept {
    static thread_local schedule* pointer = nullptr;
    return pointer;
  }

  static void enter() {
    schedule& self = *active();
    self.lane_->flow.arrived(&self.main_);
    self.body_(self.argument_);
    self.lane_->ended = true;
    self.leave(true);
    std::abort();  // never continued
  }

  void leave(bool last) {
    lane_state* from = lane_;
    if (ready_count_ == 0 || (random_ != 0 && next_random() % 4 == 0)) {
      fiber::switch_to(from->flow, main_, last);
    } else {
      lane_ = take();
      if (lane_ == from) return;  // it was woken meanwhile and is the only one
      ++counters().switches;
      fiber::switch_to(from->flow, lane_->flow, last);
    }
  }

  lane_state* take() noexcept {
    if (random_ != 0) {
      std::size_t chosen = first_ready_ + next_random() % ready_count_;
      if (chosen >= ready_.size()) chosen -= ready_.size();
      std::swap(ready_[chosen], ready_[first_ready_]);
    }
    lane_state* lane = ready_[first_ready_];
    if (++first_ready_ == ready_.size()) first_ready_ = 0;
    --ready_count_;
    return lane;
  }

  stack_pool pool_;
  fiber main_;
  lane_state* lane_ = nullptr;
  std::vector<lane_state*> ready_;
  std::size_t first_ready_ = 0;
  std::size_t ready_count_ = 0;
  void (*body_)(void*) = nullptr;
  bool (*idle_)(void*) = nullptr;
  void* argument_ = nullptr;
  std::uint64_t random_ = 0;
  bool stopped_ = false;
};

}  // namespace heddle::inline v0::device::emulation
