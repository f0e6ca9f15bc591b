// What the tests of the two attention kernels share.
#pragma once

#include "attention_kernels.hpp"

#include <cmath>
#include <initializer_list>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"

namespace test {

namespace emulation = heddle::device::emulation;
using emulation::problem;

struct tensors {
  unsigned heads;
  unsigned length;
  std::vector<device::bf16> q, k, v, out;

  tensors(unsigned h, unsigned l) : heads(h), length(l) {
    const std::size_t n = std::size_t{h} * l * head;
    std::uint64_t seed = 1;
    for (auto* t : {&q, &k, &v}) {
      for (const float x : heddle::test::normal_vector(n, seed++)) t->emplace_back(x);
    }
    out.resize(n);
  }

  /// The largest error of the output, by a double loop.
  double error() const {
    double worst = 0;
    std::vector<double> p(length);
    for (std::size_t h = 0; h < heads; ++h) {
      for (std::size_t i = 0; i < length; ++i) {
        const auto row = (h * length + i) * head;
        double sum = 0;
        for (std::size_t j = 0; j < length; ++j) {
          double s = 0;
          for (unsigned c = 0; c < head; ++c) s += double{q[row + c]} * double{k[(h * length + j) * head + c]};
          sum += p[j] = std::exp(s / 8);
        }
        for (unsigned c = 0; c < head; ++c) {
          double y = 0;
          for (std::size_t j = 0; j < length; ++j) y += p[j] / sum * double{v[(h * length + j) * head + c]};
          const double difference = std::abs(y - double{out[row + c]});
          worst = difference <= worst ? worst : difference;  // not a number counts
        }
      }
    }
    return worst;
  }
};

inline const std::vector<std::uint64_t> seeds{0, 1, 2};

/// One of the kinds of problems is reported for every seed.
template <class Run>
void require_reported(Run run, std::initializer_list<problem> kinds) {
  for (const auto seed : seeds) {
    emulation::report_scope reports;
    run(seed);
    INFO("seed " << seed << ":\n" << reports.text());
    bool found = false;
    for (const auto kind : kinds) found = found || reports.contains(kind);
    REQUIRE(found);
  }
}

}  // namespace test
