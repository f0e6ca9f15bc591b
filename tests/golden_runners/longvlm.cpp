// The golden "longvlm": merge rounds, global tokens, spliced embeddings and logits.
#include "golden_config.hpp"
#include "support/run.hpp"

#if defined(HEDDLE_GOLDEN_REFUSED)
int main() { return heddle::golden::refuse(HEDDLE_GOLDEN_REFUSED); }
#else

#include <string>
#include <vector>

namespace {

using namespace heddle;
using golden::session;
using network = examples::longvlm<golden_config>;
using rows = std::vector<float>;
constexpr std::size_t vision = network::vision_channels;
constexpr std::size_t channels = network::channels;

/// Tokens and sizes of all segments behind every round.
template <class Backend>
struct rounds_seen {
  std::vector<rows> tokens = std::vector<rows>(golden_rounds);
  std::vector<rows> sizes = std::vector<rows>(golden_rounds);

  void operator()(std::size_t round, std::size_t, matrix_view<const float> x, const float* n) {
    if (round >= golden_rounds) return;
    const rows values = golden::on_host<Backend>(x.data_handle(), x.size());
    const rows counts = golden::on_host<Backend>(n, x.extent(0));
    tokens[round].insert(tokens[round].end(), values.begin(), values.end());
    sizes[round].insert(sizes[round].end(), counts.begin(), counts.end());
  }
  void check(session& s) const {
    for (std::size_t i = 0; i < golden_rounds; ++i) {
      const std::string name = "mid.round" + std::to_string(i);
      const std::size_t count = sizes[i].size() / network::segments;
      const std::size_t shape[] = {network::segments, count, vision};
      const std::size_t size_shape[] = {network::segments, count, 1};
      s.check(name + ".tokens", tokens[i], shape);
      s.check(name + ".sizes", sizes[i], size_shape, 0.0);
    }
  }
};

template <class Backend>
context<Backend> context_of(const golden::workspace_of<Backend>& memory) {
  return {Backend{}, memory.scratch()};
}

/// `[global; local]` tokens, compared one after the other.
template <class Backend>
golden::placed<Backend> video_tokens(session& s) {
  const golden::placed<Backend> patches(s.file().floats("input.patch_tokens"));
  const golden::placed<Backend> classes(s.file().floats("input.cls_tokens"));
  golden::placed<Backend> video(network::video_tokens * vision);
  const auto all = make_matrix(video.data(), network::video_tokens, vision);
  const auto memory_rows = row_range(all, 0, golden_config.memory);
  const auto local_rows = row_range(all, golden_config.memory, network::local_tokens);
  const golden::workspace_of<Backend> memory(network::merge_scratch_bytes(Backend{}));
  rounds_seen<Backend> seen;
  network::merge_segments(context_of<Backend>(memory), make_matrix(patches.data(), patches.size() / vision, vision), local_rows,
                          seen);
  network::remember(context_of<Backend>(memory), make_matrix(classes.data(), classes.size() / vision, vision), memory_rows);
  const std::size_t local_shape[] = {network::local_tokens, vision};
  const std::size_t memory_shape[] = {golden_config.memory, vision};
  s.check("output.local_tokens", golden::on_host<Backend>(local_rows.data_handle(), local_rows.size()), local_shape);
  s.check("output.memory_tokens", golden::on_host<Backend>(memory_rows.data_handle(), memory_rows.size()), memory_shape);
  if (s.wants_mid()) seen.check(s);
  return video;
}

template <class Backend>
void run_all(session& s) {
  network net;
  golden::load_weights<Backend>(net, s, network::key_map());
  const golden::placed<Backend> video = video_tokens<Backend>(s);

  const std::vector<std::int64_t> stored = s.file().integers("input.token_ids");
  const std::vector<std::int32_t> ids(stored.begin(), stored.end());
  golden::placed<Backend, std::int32_t> placed_ids(ids);
  const auto shape = s.shape("input.token_ids");
  const std::size_t count = shape[1];
  golden::placed<Backend> embeddings(ids.size() * channels);
  for (std::size_t b = 0; b < shape[0]; ++b) {
    const golden::workspace_of<Backend> memory(network::embed_scratch_bytes());
    net.embed(context_of<Backend>(memory), placed_ids.span().subspan(b * count, count),
              network::video_places(std::span(ids).subspan(b * count, count)),
              make_matrix(video.data(), network::video_tokens, vision),
              make_matrix(embeddings.data() + b * count * channels, count, channels));
  }
  const std::size_t embedding_shape[] = {shape[0], count, channels};
  s.check("output.input_embeddings", embeddings.host(), embedding_shape);

  const map_extents e(shape[0], 1, count, channels);
  golden::placed<Backend> logits(ids.size() * golden_config.language.vocabulary);
  const golden::workspace_of<Backend> memory(workspace_bytes<network::decoder_type, Backend>(e));
  run<Backend>(net.language, map_view<const float>(embeddings.data(), e),
               map_view<float>(logits.data(), output_extents<network::decoder_type>(e)), memory);
  const std::size_t logit_shape[] = {shape[0], count, golden_config.language.vocabulary};
  s.check("output.logits", logits.host(), logit_shape);
}

}  // namespace

int main(int argc, char** argv) {
  return golden::run_golden(argc, argv, [](auto backend, session& s) { run_all<decltype(backend)>(s); });
}
#endif
