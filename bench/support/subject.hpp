// What a benchmark is: a prepared call that can be checked, run, and says how much it computes and moves. The programs of
// this folder register subjects by name; main.cpp times them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace heddle::bench {

/// One prepared problem. Preparing, as at load, is not timed.
class subject {
 public:
  subject() = default;
  subject(const subject&) = delete;
  subject& operator=(const subject&) = delete;
  virtual ~subject() = default;

  virtual void run() = 0;
  /// Runs once; the largest difference to `reference`, as a share of the largest expected value. Of large problems a
  /// sample of rows is compared.
  virtual double error() = 0;
  /// Floating-point operations of one run: of visible pairs only, where there is a mask.
  virtual double flop() const = 0;
  /// Bytes that a run has to move at least: every operand and result once.
  virtual double bytes() const = 0;
};

/// A registered benchmark. `name` is `op/variant/backend/dtype/shape`.
struct entry {
  std::string name;
  std::string key;          ///< the case in the comparison with other libraries; empty: not part of it
  std::string text;         ///< what the case is, for people
  std::string dtype;        ///< f32, bf16, f16
  double tolerance = 1e-5;  ///< of `error()`
  std::function<std::unique_ptr<subject>(std::size_t threads)> make;
  std::size_t threads = 1;
};

/// Every registered benchmark, in the order of registration.
inline std::vector<entry>& entries() {
  static std::vector<entry> all;
  return all;
}

inline void add(entry e) { entries().push_back(std::move(e)); }

/// A subject made of functions.
class simple_subject final : public subject {
  std::function<void()> run_;
  std::function<double()> error_;
  double flop_;
  double bytes_;

 public:
  simple_subject(std::function<void()> run, std::function<double()> error, double flop, double bytes)
      : run_(std::move(run)), error_(std::move(error)), flop_(flop), bytes_(bytes) {}
  void run() override { run_(); }
  double error() override { return error_(); }
  double flop() const override { return flop_; }
  double bytes() const override { return bytes_; }
};

}  // namespace heddle::bench
