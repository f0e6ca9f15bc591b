// The hooks of every built-in partition, mask and score are called from device code: this only has to compile.
#include <heddle/attention/effective_mask.hpp>
#include <heddle/attention/expanded_bias.hpp>

template <class Composition>
__global__ void scores(Composition c, typename Composition::map_type map, float* out) {
  using map_type = typename Composition::map_type;
  const std::size_t q = threadIdx.y;
  const std::size_t k = threadIdx.x;
  std::size_t keys = map.group_size();
  std::int32_t token = map.token(blockIdx.x, k);
  if constexpr (heddle::keyed_index_map<map_type>) {
    keys = map.key_group_size();
    token = map.key_token(blockIdx.x, k);
  }
  const heddle::group_context<map_type> context{0, blockIdx.x, blockIdx.y, map.group_size(), keys, &map};
  const heddle::detail::effective_mask<Composition> mask(c);
  const float fq = static_cast<float>(q);
  const float fk = static_cast<float>(k);
  const heddle::tile t = mask.classify(context, q, q + 1, k, k + 1);
  if (t == heddle::tile::skip || token < 0) return;
  if (t == heddle::tile::partial && !mask(context, fq, fk)) return;
  float score = c.score().scale(context.head, 32);
  heddle::detail::each_modifier<Composition>([&](auto i) {
    const auto& m = c.template modifier<i()>();
    using modifier = typename Composition::template modifier_type<i()>;
    if constexpr (heddle::relative_bias<modifier>) {
      score += m.offset_bias(map.window(), context.head, q, k);
    } else if constexpr (heddle::row_bias<modifier>) {
      score += m.row(context, q)[k];
    } else {
      score = heddle::detail::modified<float>(m, context, score, fq, fk);
    }
  });
  out[(blockIdx.y * gridDim.x + blockIdx.x) * map.group_size() * keys + q * keys + k] = score;
}

template <class Composition>
void launch(const Composition& c, const heddle::token_grid& grid, float* out) {
  scores<<<dim3(1, 1), dim3(8, 8)>>>(c, c.partition().map(grid), out);
}

void launch_all(float* out, const float* data, const heddle::token_grid& grid) {
  using namespace heddle;
  launch(attention{shifted_window<2, 7, 7>{}, same_region{}, space_time_position_bias<2, 7, 7>{data, 3}, region_penalty{}},
         grid, out);
  launch(attention{gathered<49>{}, open_if_empty{block_sparse<8>{}}, dense_bias(data, 49), key_bias{data, 49}}, grid, out);
  launch(attention{neighborhood<7>{}, any_of{causal<>{}, lengths{}}, cosine{data, 3}, neighborhood_bias{data, 3}}, grid, out);
  launch(attention{axial_rows{}, none_of{packed_lengths{}}, alibi<3>{}, soft_cap{}}, grid, out);
  launch(attention{spatial{}, mixed<segments<49, dyn>, sees<0>, sees<0, 1>>{{64}}, alibi<>{data, 3}}, grid, out);
  launch(attention{temporal{}, prefix<4>{}, box_geometry{data, 3, data, 8}}, grid, out);
  launch(attention{dilated<2>{}, sliding<64>{}, continuous_position_bias{}, log_coordinate_bias{}}, grid, out);
}

// Concepts hold in this compiler too (it answers no to those with lambdas in them).
static_assert(heddle::key_rows<heddle::joined_heads<float, 64, 2>>);
static_assert(heddle::key_rows<heddle::ring_heads<float, 64>>);
