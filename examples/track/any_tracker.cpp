#include "any_tracker.hpp"

#include "../common/user_error.hpp"

namespace track_app {

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
    throw examples::user_error(
        "this program was built without CUDA; one that is configured with -DHEDDLE_CUDA=ON takes --backend cuda");
  }
  try {
    return o.on_device ? chosen.load_on_device(o) : chosen.load(o);
  } catch (const heddle::weight_error& e) {
    throw examples::user_error(o.weights + " does not hold the weights of " + chosen.name + ": " +
                               examples::one_sentence(e.what()));
  } catch (const heddle::error& e) {
    throw examples::user_error(examples::one_sentence(e.what()));
  }
}

}  // namespace track_app
