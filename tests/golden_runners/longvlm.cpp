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
struct rounds_seen {
  std::vector<rows> tokens = std::vector<rows>(golden_rounds);
  std::vector<rows> sizes = std::vector<rows>(golden_rounds);

  void operator()(std::size_t round, std::size_t, matrix_view<const float> x, const float* n) {
    if (round >= golden_rounds) return;
    tokens[round].insert(tokens[round].end(), x.data_handle(), x.data_handle() + x.size());
    sizes[round].insert(sizes[round].end(), n, n + x.extent(0));
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
context<Backend> context_of(const workspace& memory) {
  return {Backend{}, memory.scratch()};
}

/// `[global; local]` tokens, compared one after the other.
template <class Backend>
rows video_tokens(session& s) {
  const rows patches = s.file().floats("input.patch_tokens");
  const rows classes = s.file().floats("input.cls_tokens");
  rows video(network::video_tokens * vision);
  const auto all = make_matrix(video.data(), network::video_tokens, vision);
  const auto memory_rows = row_range(all, 0, golden_config.memory);
  const auto local_rows = row_range(all, golden_config.memory, network::local_tokens);
  const workspace memory(network::merge_scratch_bytes(Backend{}));
  rounds_seen seen;
  network::merge_segments(context_of<Backend>(memory), make_matrix(patches.data(), patches.size() / vision, vision), local_rows, seen);
  network::remember(context_of<Backend>(memory), make_matrix(classes.data(), classes.size() / vision, vision), memory_rows);
  const std::size_t local_shape[] = {network::local_tokens, vision};
  const std::size_t memory_shape[] = {golden_config.memory, vision};
  s.check("output.local_tokens", std::span(local_rows.data_handle(), local_rows.size()), local_shape);
  s.check("output.memory_tokens", std::span(memory_rows.data_handle(), memory_rows.size()), memory_shape);
  if (s.wants_mid()) seen.check(s);
  return video;
}

template <class Backend>
void run_all(session& s) {
  network net;
  golden::load_weights<Backend>(net, s, network::key_map());
  const rows video = video_tokens<Backend>(s);

  const std::vector<std::int64_t> stored = s.file().integers("input.token_ids");
  const std::vector<std::int32_t> ids(stored.begin(), stored.end());
  const auto shape = s.shape("input.token_ids");
  const std::size_t count = shape[1];
  rows embeddings(ids.size() * channels);
  for (std::size_t b = 0; b < shape[0]; ++b) {
    const workspace memory(network::embed_scratch_bytes());
    net.embed(context_of<Backend>(memory), std::span(ids).subspan(b * count, count), make_matrix(video.data(), network::video_tokens, vision),
              make_matrix(embeddings.data() + b * count * channels, count, channels));
  }
  const std::size_t embedding_shape[] = {shape[0], count, channels};
  s.check("output.input_embeddings", embeddings, embedding_shape);

  const map_extents e(shape[0], 1, count, channels);
  rows logits(ids.size() * golden_config.language.vocabulary);
  const workspace memory(workspace_bytes<network::decoder_type, Backend>(e));
  run<Backend>(net.language, map_view<const float>(embeddings.data(), e),
               map_view<float>(logits.data(), output_extents<network::decoder_type>(e)), memory);
  const std::size_t logit_shape[] = {shape[0], count, golden_config.language.vocabulary};
  s.check("output.logits", logits, logit_shape);
}

}  // namespace

int main(int argc, char** argv) {
  return golden::run_golden(argc, argv, [](auto backend, session& s) { run_all<decltype(backend)>(s); });
}
#endif
