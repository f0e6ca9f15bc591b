// Masks, score modifiers and index maps are called from device code: this only has to compile.
#include <heddle/attention/attention.hpp>

struct gaussian_distance {
  using policy_category = heddle::score_mod_tag;
  float inverse_two_sigma_squared;
  template <class T>
  HEDDLE_HOST_DEVICE constexpr T operator()(T score, std::size_t, T query, T key) const noexcept {
    const T d = query - key;
    return score - d * d * inverse_two_sigma_squared;
  }
};

using composition = heddle::attention<heddle::window<8>, heddle::all_of<heddle::same_region, heddle::causal<>>,
                                      gaussian_distance, heddle::relative_position_bias<8>>;

__global__ void scores(composition c, composition::map_type map, float* out) {
  const std::size_t q = threadIdx.y;
  const std::size_t k = threadIdx.x;
  const std::size_t head = blockIdx.y;
  const heddle::group_context<composition::map_type> context{0, blockIdx.x, head, map.group_size(), map.group_size(), &map};
  float score = c.score().scale(head, 32);
  score = heddle::detail::modified<float>(c.modifier<0>(), score, head, static_cast<float>(q), static_cast<float>(k));
  score += c.modifier<1>().offset_bias(map.window(), head, q / 8 + 7 - k / 8, q % 8 + 7 - k % 8);
  const heddle::tile t = heddle::detail::classify(c.mask(), context, q, q + 1, k, k + 1);
  const bool seen = t == heddle::tile::full ||
                    (t == heddle::tile::partial &&
                     heddle::detail::visible<float>(c.mask(), context, static_cast<float>(q), static_cast<float>(k)));
  const std::int32_t token = map.token(blockIdx.x, k);
  if (seen && token >= 0)
    out[(head * gridDim.x + blockIdx.x) * map.group_size() * map.group_size() + q * map.group_size() + k] = score;
}
