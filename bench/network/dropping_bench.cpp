// The twelve blocks of EVAD's ViT-B on a clip of 16 frames, with and without dropout of tokens: the time that is saved stands
// beside the arithmetic that is saved.
#include "bench/network/network_subject.hpp"
#include "evad/evad.hpp"

namespace {

using namespace heddle;

/// The blocks on random tokens of a clip of `side` x `side` pixels.
template <examples::evad_config C, class Backend>
class loaded_trunk {
  using network = examples::evad<C>;

  network net_;
  Backend backend_;
  std::size_t keyframe_;
  workspace scratch_;
  std::vector<float> x_, y_;

 public:
  loaded_trunk(const Backend& b, std::size_t side)
      : backend_(b),
        keyframe_((side / C.patch) * (side / C.patch)),
        scratch_(network::scratch_bytes(b, dynamic_extents<5>(1, C.frames, side, side, 3))),
        x_(test::normal_vector(C.times() * keyframe_ * C.channels, 7)),
        y_(keyframe_ * C.channels) {
    test::bind_random_weights(net_, 3);
    prepare<Backend>(net_, backend_);
  }
  void run() {
    context<Backend> ctx{backend_, scratch_.scratch()};
    examples::evad_tokens tokens = network::take_tokens(ctx, 1, keyframe_);
    std::copy(x_.begin(), x_.end(), tokens.rows.data_handle());
    net_.run_trunk(ctx, tokens);
    std::copy_n(tokens.rows.data_handle(), y_.size(),
                y_.begin());  // the key frame's: others change places where ranks nearly tie
  }
  const std::vector<float>& output() const { return y_; }
  double multiply_adds() const { return static_cast<double>(network::trunk_multiply_adds(keyframe_)); }
};

/// Timed on 192 x 192 pixels, checked on 32 x 32, on which the definition takes seconds.
template <examples::evad_config C>
void add_trunk(const std::string& name, const std::string& text) {
  const auto make = [](std::size_t threads) -> std::unique_ptr<bench::subject> {
    const auto net = std::make_shared<loaded_trunk<C, bench::network_backend>>(bench::make_network_backend(threads), 192);
    const auto error = [=] {
      loaded_trunk<C, bench::network_backend> small(bench::make_network_backend(threads), 32);
      loaded_trunk<C, reference> expected(reference{}, 32);
      small.run();
      expected.run();
      return test::worst(expected.output(), small.output()).relative();
    };
    const double bytes = 4.0 * static_cast<double>(parameters<examples::evad<C>>);
    return std::make_unique<bench::simple_subject>([=] { net->run(); }, error, 2.0 * net->multiply_adds(), bytes);
  };
  bench::add({.name = "network/" + name + "/simd/f32/1x16*192*192x3",
              .key = {},
              .text = text,
              .dtype = "f32",
              .tolerance = 1e-4,
              .make = make});
}

[[maybe_unused]] const bool registered = [] {
  constexpr examples::evad_config whole{};
  add_trunk<whole>("evad_blocks", "EVAD, ViT-B blocks, all tokens");
  add_trunk<examples::evad_base>("evad_blocks_dropped_03", "EVAD, ViT-B blocks, three tenths dropped after blocks 3, 6 and 9");
  return true;
}();

}  // namespace
