// What a benchmark on a device is: a prepared call that is enqueued, checked, and says how much it computes and moves.
#pragma once

#include <heddle/cuda/runtime/runtime.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace heddle::bench {

/// One prepared problem on the device. Preparing, as at load, is not timed; nor are copies of inputs and results.
class device_subject {
 public:
  device_subject() = default;
  device_subject(const device_subject&) = delete;
  device_subject& operator=(const device_subject&) = delete;
  virtual ~device_subject() = default;

  /// Enqueues the work once. Called while the stream is captured.
  virtual void enqueue(device::stream s) = 0;
  /// Runs once; the largest difference to `reference`, as a share of the largest expected value, of a sample of rows.
  virtual double error(device::stream s) = 0;
  /// Floating-point operations of one call: of visible pairs only, where there is a mask.
  virtual double flop() const = 0;
  /// Bytes that a call has to move at least: every operand and result once.
  virtual double bytes() const = 0;
};

/// A registered benchmark. `name` is `op/variant/cuda/dtype/shape`.
struct device_entry {
  std::string name;
  std::string key;          ///< the case in the comparison with other libraries; empty: not part of it
  std::string text;         ///< what the case is, for people
  std::string dtype;        ///< f32, bf16, f16
  double tolerance = 1e-5;  ///< of `error()`
  std::function<std::unique_ptr<device_subject>()> make;
};

/// Every registered benchmark, in the order of registration.
inline std::vector<device_entry>& device_entries() {
  static std::vector<device_entry> all;
  return all;
}

}  // namespace heddle::bench
