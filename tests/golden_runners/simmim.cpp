// The golden "simmim": the last map, the reconstruction, the loss and two derivatives of it; on request the target.
#include "golden_config.hpp"
#include "support/run.hpp"

#if defined(HEDDLE_GOLDEN_REFUSED)
int main() { return heddle::golden::refuse(HEDDLE_GOLDEN_REFUSED); }
#else

namespace {

using namespace heddle;
using golden::map_tensor;
using golden::session;
using network = examples::simmim<golden_config>;

template <class Backend>
void run_all(session& s) {
  network net;
  golden::load_weights<Backend>(net, s, network::key_map());
  const map_tensor image = s.map("input.image");
  std::vector<std::uint8_t> mask;
  for (const std::int64_t m : s.file().integers("input.mask")) mask.push_back(m != 0 ? 1 : 0);
  require_extent("input.mask", "patches", network::mask_size(image.extents()), mask.size());
  const workspace scratch(network::scratch_bytes(Backend{}, image.extents()));
  const context<Backend> ctx{Backend{}, scratch.scratch()};

  map_tensor latent(network::latent_extents(image.extents()));
  map_tensor reconstruction(image.extents());
  map_tensor target(image.extents());
  net.encode(ctx, image.view(), mask, latent.view());
  net.decode(ctx, latent.view(), reconstruction.view());
  network::target(ctx, golden_objective, image.view(), target.view());
  s.check_map("output.latent", latent.view());
  s.check_map("output.reconstruction", reconstruction.view());
  if (s.wants_mid()) s.check_map("mid.normed_target", target.view());
  const float loss[] = {static_cast<float>(network::loss(reconstruction.view(), target.view(), mask))};
  s.check("output.loss", loss, s.shape("output.loss"));

  const examples::simmim_gradients d = examples::simmim_vjp(ctx, net, image.view(), mask, reconstruction.view(), target.view());
  const std::size_t token_shape[] = {1, 1, d.mask_token.size()};
  s.check("output.grad_mask_token", d.mask_token, token_shape);
  const std::size_t bias_shape[] = {d.decoder_bias.size()};
  s.check("output.grad_decoder_bias", d.decoder_bias, bias_shape);
}

}  // namespace

int main(int argc, char** argv) {
  return golden::run_golden(argc, argv, [](auto backend, session& s) { run_all<decltype(backend)>(s); });
}
#endif
