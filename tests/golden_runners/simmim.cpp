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
  const golden::placed_map<Backend> picture(image);
  const golden::placed<Backend, std::uint8_t> hidden(mask);
  const golden::workspace_of<Backend> scratch(network::scratch_bytes(Backend{}, image.extents()));
  const context<Backend> ctx{Backend{}, scratch.scratch()};

  golden::placed_map<Backend> latent(network::latent_extents(image.extents()));
  golden::placed_map<Backend> reconstruction(image.extents());
  golden::placed_map<Backend> target(image.extents());
  golden::placed<Backend> loss(1);
  const std::span<const std::uint8_t> patches(hidden.data(), hidden.size());
  net.encode(ctx, picture.view(), patches, latent.view());
  net.decode(ctx, latent.view(), reconstruction.view());
  network::target(ctx, golden_objective, picture.view(), target.view());
  network::loss(ctx, reconstruction.view(), target.view(), patches, loss.data());
  const map_tensor made = reconstruction.host();
  const map_tensor wanted = target.host();
  s.check_map("output.latent", latent.host().view());
  s.check_map("output.reconstruction", made.view());
  if (s.wants_mid()) s.check_map("mid.normed_target", wanted.view());
  if (s.file().find("output.loss") != nullptr) s.check("output.loss", loss.host(), s.shape("output.loss"));  // [1] or []

  // The derivatives are plain loops of the host: weights of a device are read there, too.
  using host_backend = std::conditional_t<moves_weights<Backend>, reference, Backend>;
  const context<host_backend> host{};
  const examples::simmim_gradients d = examples::simmim_vjp(host, net, image.view(), mask, made.view(), wanted.view());
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
