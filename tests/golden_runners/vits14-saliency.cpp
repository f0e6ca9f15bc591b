// The golden "vits14-saliency": tokens and saliency of a photograph. The weights come from a package at set-up
// (examples/vits14_saliency/fetch_weights.py); without them this is skipped with one line.
#include "golden_config.hpp"
#include "support/run.hpp"

#if defined(HEDDLE_GOLDEN_REFUSED)
int main() { return heddle::golden::refuse(HEDDLE_GOLDEN_REFUSED); }
#else

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

using namespace heddle;
using golden::map_tensor;
using golden::session;
using network = examples::vits14_saliency;
constexpr std::size_t channels = network::channels;
constexpr std::size_t tokens = network::trunk_type::tokens;

std::string weights_path(const std::string& folder) {
  const char* given = std::getenv("HEDDLE_VITS14_WEIGHTS");
  return given != nullptr ? given : folder + "/weights.safetensors";
}

template <class Backend>
void run_all(session& s) {
  network net;
  io::bind<Backend>(net, io::safetensors(weights_path(s.folder())), network::key_map());
  const map_tensor pixels = s.map("input.pixels");
  const std::size_t batch = pixels.extents().extent(0);
  const golden::placed_map<Backend> picture(pixels);
  golden::placed<Backend> y(batch * tokens * channels);
  const golden::workspace_of<Backend> memory(network::scratch_bytes(Backend{}, batch));
  context<Backend> ctx{Backend{}, memory.scratch()};
  token_state state = start_tokens(ctx, batch, tokens);
  const std::size_t shape[] = {batch, tokens, channels};
  const auto seen = [&](std::size_t i, matrix_view<const float> x) {
    const std::string name = i == 12 ? "mid.embeddings" : "mid.layer" + std::to_string(i);
    if (s.wants_mid() && s.file().find(name) != nullptr)
      s.check(name, golden::on_host<Backend>(x.data_handle(), x.size()), shape);
  };
  net.encode(ctx, picture.view(), make_matrix(y.data(), batch * tokens, channels), state, seen);
  s.check("output.tokens", y.host(), shape);

  golden::placed_map<Backend> low(map_extents(batch, network::low_side, network::low_side, 1));
  golden::placed_map<Backend> saliency(map_extents(batch, network::side, network::side, 1));
  net.decode(ctx, make_matrix<const float>(y.data(), batch * tokens, channels), state, low.view());
  if (s.wants_mid()) s.check_map("mid.low_res_logit", low.host().view());
  net.finish(ctx, low.view(), saliency.view());
  s.check_map("output.saliency", saliency.host().view());
}

}  // namespace

int main(int argc, char** argv) {
  const auto o = golden::parse_options(argc, argv);
  if (!o) return 2;
  if (std::FILE* const file = std::fopen(weights_path(o->folder).c_str(), "rb")) {
    std::fclose(file);
    return golden::run_golden(argc, argv, [](auto backend, session& s) { run_all<decltype(backend)>(s); });
  }
  std::printf("skipped: the weights of vits14-saliency are not there; name them by HEDDLE_VITS14_WEIGHTS\n");
  return 0;
}
#endif
