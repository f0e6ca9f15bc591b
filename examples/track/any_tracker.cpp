#include "any_tracker.hpp"

#include "../common/user_error.hpp"

namespace track_app {
namespace {

/// A report of the library has a summary and a line for every problem: the summary and the first problem.
std::string shortened(const std::string& report) {
  const std::size_t first = report.find('\n');
  if (first == std::string::npos) {
    return report;
  }
  const std::size_t begin = report.find_first_not_of(" \n", first);
  return report.substr(0, first) + (begin == std::string::npos ? "" : "; first: " + report.substr(begin, report.find('\n', begin) - begin));
}

}  // namespace

const model& find_model(const std::string& name) {
  std::string known;
  for (const model& m : models()) {
    if (name == m.name) {
      return m;
    }
    known += (known.empty() ? "" : ", ") + std::string(m.name);
  }
  throw examples::user_error("no network is called " + name + "; there are " + known);
}

std::unique_ptr<any_tracker> load_tracker(const model& chosen, const load_options& o) {
  if (o.bf16 && !chosen.has_bf16) {
    throw examples::user_error(std::string(chosen.name) + " runs in f32 only");
  }
  if (o.on_device && chosen.load_on_device == nullptr) {
    throw examples::user_error(std::string(chosen.name) + " does not run on a device here: MixFormerV2 does, in a program configured with -DHEDDLE_CUDA=ON");
  }
  try {
    return o.on_device ? chosen.load_on_device(o) : chosen.load(o);
  } catch (const heddle::weight_error& e) {
    throw examples::user_error(o.weights + " does not hold the weights of " + chosen.name + ": " + shortened(e.what()));
  } catch (const heddle::error& e) {
    throw examples::user_error(shortened(e.what()));
  }
}

}  // namespace track_app
