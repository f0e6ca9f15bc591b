#include "serve.hpp"

#include <cstdio>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>

#include "bench/peers/timing.hpp"
#include "json_text.hpp"
#include "limits.hpp"
#include "subject.hpp"

namespace heddle::bench {

namespace {

/// The case that is prepared at present.
struct prepared_case {
  const entry* which = nullptr;
  std::unique_ptr<subject> what;
  std::size_t threads = 1;
  double error = 0;
};

void say(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

std::string list_line() {
  std::string line;
  for (const entry& e : entries())
    if (!e.key.empty())
      line += (line.empty() ? "{" : ", {") + member("case", e.key) + ", " + member("dtype", e.dtype) + ", " +
              member("name", e.name) + ", " + member("text", e.text) + '}';
  return "{\"cases\": [" + line + "]}";
}

std::string limits_line() {
  const machine_limits m = measure_limits();
  return "{\"f32\": " + figure(m.f32) + ", \"bf16\": " + figure(m.peak("bf16")) + ", \"bf16_dot\": " + figure(m.bf16_dot) +
         ", \"bf16_amx\": " + figure(m.bf16_amx) + ", \"read_l1\": " + figure(m.read_l1) +
         ", \"read_l2\": " + figure(m.read_l2) + ", \"read_memory\": " + figure(m.read_memory) + '}';
}

std::string prepare(std::istringstream& words, prepared_case& c) {
  std::string key, dtype;
  std::size_t threads = 1;
  words >> key >> dtype >> threads;
  c = {};
  for (const entry& e : entries()) {
    if (e.key != key || e.dtype != dtype) continue;
    c.which = &e;
    c.threads = threads;
    c.what = e.make(threads);
    c.error = c.what->error();
    if (!(c.error < e.tolerance)) {
      c.what.reset();
      return "{\"error\": \"the result is wrong: " + figure(c.error) + "\"}";
    }
    return "{\"ready\": \"" + key + "\", \"rel_err\": " + figure(c.error, "%.1e") + ", \"forms\": [\"heddle\"]}";
  }
  return "{\"error\": \"there is no such case\"}";
}

std::string measure(std::istringstream& words, const prepared_case& c) {
  std::string form;
  double seconds = 0.3;
  words >> form >> seconds;
  if (!c.what) return "{\"error\": \"nothing is prepared\"}";
  const peers::sample_times t = peers::measure([&] { c.what->run(); }, seconds);
  return '{' + member("peer", "heddle") + ", " + member("case", c.which->key) + ", " + member("text", c.which->text) + ", " +
         member("dtype", c.which->dtype) + ", \"threads\": " + std::to_string(c.threads) +
         ", \"ns_per_iter_min\": " + figure(t.minimum, "%.0f") + ", \"ns_per_iter_median\": " + figure(t.median, "%.0f") +
         ", \"gflops\": " + figure(c.what->flop() / t.minimum) + ", \"flop\": " + figure(c.what->flop(), "%.0f") +
         ", \"bytes\": " + figure(c.what->bytes(), "%.0f") + ", \"rel_err\": " + figure(c.error, "%.1e") + '}';
}

}  // namespace

int serve() {
  prepared_case current;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string request;
    words >> request;
    if (request == "list") {
      say(list_line());
    } else if (request == "limits") {
      say(limits_line());
    } else if (request == "prepare") {
      say(prepare(words, current));
    } else if (request == "measure") {
      say(measure(words, current));
    } else {
      say("{\"error\": \"requests are: list, limits, prepare CASE DTYPE THREADS, measure FORM SECONDS\"}");
    }
  }
  return 0;
}

}  // namespace heddle::bench
