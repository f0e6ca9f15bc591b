// kept_tokens: which patches of a photograph token sampling and token dropout keep, by the attention of a trained ViT-S/14.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "../common/atomic_file.hpp"
#include "../common/canvas.hpp"
#include "../common/png_writer.hpp"
#include "../common/user_error.hpp"
#include "../vits14_saliency/picture.hpp"
#include "heddle/backend/simd.hpp"
#include "heddle/io/bind.hpp"
#include "heddle/token/token.hpp"
#include "vits14_saliency/vits14_saliency.hpp"

namespace {

using namespace heddle;
namespace pictures = ::examples;
using model = heddle::examples::vits14_saliency;
using trunk = model::trunk_type;
using saliency_app::patches;
using saliency_app::side;
constexpr std::size_t heads = model::trunk_config.heads;
constexpr std::size_t channels = trunk::channels;
constexpr std::size_t head_dim = channels / heads;
constexpr std::size_t tokens = trunk::tokens;

struct selection {
  std::string title;
  std::vector<std::int32_t> kept;
};

std::vector<float> normalised(const std::vector<std::uint8_t>& rgb) {
  constexpr float mean[] = {0.485F, 0.456F, 0.406F};
  constexpr float deviation[] = {0.229F, 0.224F, 0.225F};
  std::vector<float> pixels(rgb.size());
  for (std::size_t i = 0; i < rgb.size(); ++i)
    pixels[i] = (static_cast<float>(rgb[i]) / 255.0F - mean[i % 3]) / deviation[i % 3];
  return pixels;
}

/// The tokens that `block` of the trained network reads.
std::vector<float> tokens_before(const model& net, const std::vector<float>& pixels, std::size_t block) {
  const workspace memory(model::scratch_bytes(simd{}, 1));
  context<simd> ctx{{}, memory.scratch()};
  token_state state = start_tokens(ctx.scratch, 1, tokens);
  std::vector<float> x(tokens * channels);
  std::vector<float> last(tokens * channels);
  const auto seen = [&](std::size_t i, matrix_view<const float> rows) {
    if (i == (block == 0 ? trunk::depth : block - 1)) std::copy_n(rows.data_handle(), x.size(), x.begin());
  };
  net.encode(ctx, map_view<const float>(pixels.data(), map_extents(1, side, side, 3)),
             make_matrix(last.data(), tokens, channels), state, seen);
  return x;
}

/// What both rules keep, from the attention of one block: equal shares of it by sampling, the better half by dropout.
std::vector<selection> select(const model& net, const std::vector<float>& x, std::size_t block) {
  const workspace memory(std::size_t{64} << 20U);
  context<simd> ctx{{}, memory.scratch()};
  const auto rows = make_matrix(ctx.scratch.take<float>(tokens * channels), tokens, channels);
  const auto projection = make_matrix(ctx.scratch.take<float>(tokens * 3 * channels), tokens, 3 * channels);
  net.trunk.blocks[block].norm1.forward_rows(ctx, make_matrix(x.data(), tokens, channels), rows);
  net.trunk.blocks[block].attn.qkv.forward_rows(ctx, as_const(rows), projection);
  const auto views = qkv_views<head_dim>(projection.data_handle(), 1, tokens, heads);
  attend_outputs outputs;
  outputs.class_row = head_rows<float>(ctx.scratch.take<float>(heads * tokens), extents<dyn, dyn, dyn>(1, heads, tokens),
                                       {heads * tokens, tokens, 1});
  attend(ctx, attention<class_row>{}, views.q, views.k, views.v, merged_heads<head_dim>(rows.data_handle(), 1, tokens, heads),
         sequence_grid(tokens), outputs);
  token_evidence evidence;
  evidence.class_row = outputs.class_row;
  evidence.values = views.v;

  std::vector<selection> all;
  const auto add = [&](const std::string& name, const auto& operation) {
    std::vector<std::int32_t> kept(operation.limit(tokens, 1));
    kept.resize(operation.plan(ctx, evidence, 0, tokens, 1, kept));
    all.push_back({name + std::to_string(kept.size() - 1) + " of " + std::to_string(tokens - 1), kept});
  };
  add("sampled: ",
      sampling<class_attention_times_value_norm, inverse_transform>{{}, {.points = tokens - 1, .from_zero = false}});
  add("top half: ", dropout<class_attention, keep<1, 2>>{});
  return all;
}

/// The photograph with patches that are dropped dimmed.
pictures::image shown(const std::vector<std::uint8_t>& rgb, const selection& s) {
  std::vector<bool> kept(patches * patches, false);
  for (const std::int32_t t : s.kept)
    if (t > 0) kept[static_cast<std::size_t>(t) - 1] = true;
  constexpr std::size_t patch = side / patches;
  pictures::image picture(side, side, 3);
  for (std::size_t i = 0; i < rgb.size(); ++i) {
    const std::size_t y = i / (3 * side);
    const std::size_t column = i / 3 % side;
    const bool stays = kept[y / patch * patches + column / patch];
    picture.bytes[i] = stays ? rgb[i] : static_cast<std::uint8_t>(215 + rgb[i] / 10);
  }
  return picture;
}

int body(int argc, char** argv) {
  if (argc != 4 && argc != 5)
    throw pictures::user_error("usage: kept_tokens WEIGHTS IMG OUT.png [BLOCK, 0 to 11; 11 unless given]");
  char* end = nullptr;
  const std::size_t block = argc == 5 ? std::strtoul(argv[4], &end, 10) : trunk::depth - 1;
  if (block >= trunk::depth || (end != nullptr && *end != '\0')) throw pictures::user_error("the network has blocks 0 to 11");
  const auto net = std::make_unique<model>();
  io::bind<simd>(*net, io::safetensors(argv[1]), model::key_map());
  const std::vector<std::uint8_t> rgb = saliency_app::fitted(pictures::read_image(argv[2]), saliency_app::fit::crop);
  const std::vector<selection> found = select(*net, tokens_before(*net, normalised(rgb), block), block);

  constexpr std::size_t zoom = 2;
  constexpr std::size_t gap = 8;
  constexpr std::size_t caption = 24;
  pictures::image canvas(2 * gap + caption + side * zoom, gap + 3 * (side * zoom + gap), 3);
  pictures::fill(canvas, {255, 255, 255});
  const auto put = [&](std::size_t place, const pictures::image& picture, const std::string& text) {
    const std::size_t x = gap + place * (side * zoom + gap);
    pictures::write_text(canvas, gap, x, text, 2, {30, 30, 30});
    pictures::paste(canvas, gap + caption, x, picture, 0, 0, side, side, zoom);
  };
  pictures::image photo(side, side, 3);
  photo.bytes = rgb;
  put(0, photo, "photograph");
  for (std::size_t i = 0; i < found.size(); ++i) {
    put(i + 1, shown(rgb, found[i]), found[i].title);
    std::printf("%s\n", found[i].title.c_str());
  }
  pictures::write_png(argv[3], canvas);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    pictures::remove_temporary_on_signals();
    return body(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "kept_tokens: %s\n", error.what());
  }
  return pictures::user_error_exit_code;
}
