// Policies of small problems on the emulated device against the definition: tables of biases, shifted and padded windows, masks,
// functions of pairs, normalizers; keys and values that are not finite where a mask hides them.
#include "tests/kernels/cuda/attend_short_case.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

/// Penalises distance; generic in its number type.
struct gaussian {
  using policy_category = score_mod_tag;
  template <class T>
  HEDDLE_HOST_DEVICE constexpr T operator()(T score, std::size_t /*head*/, T q, T k) const noexcept {
    const T d = q - k;
    return score - d * d * batch_traits<T>::broadcast(0.01F);
  }
};

}  // namespace

TEST_CASE("attend cuda short: windows with tables, shifts and padding") {
  const policy_table<float> table(normal_vector(7 * 7 * 2, 9));
  const relative_position_bias<4> bias{.table = table.data(), .heads = 2};
  const attention c{window<4>{.shift_y = 1, .shift_x = 2}, same_region{}, bias, logsumexp{}};
  check_short<12>(c, way_case::self({1, 8, 12}, 8, 2, 2));
  check_short<12>(c, way_case::self({1, 7, 9}, 9));
  check_short<12>(c, way_case::self({1, 31, 30}, 15, 2, 9));  // several problems to a block
  check_poisoned<12>(c, way_case::self({1, 8, 8}, 10), 0);
}

TEST_CASE("attend cuda short: cosine scores and penalties, floats out") {
  const policy_table<float> table(normal_vector(7 * 7 * 2, 9));
  const policy_table<float> scales({0.5F, 1.5F});
  const relative_position_bias<4> bias{.table = table.data(), .heads = 2};
  check_short<16, bfloat16, float>(
      attention{shifted_window<4>{}, cosine{.logit_scale = scales.data(), .heads = 2}, bias, region_penalty{}},
      way_case::self({1, 8, 8}, 11), 4e-3, bf16_rounding);
}

TEST_CASE("attend cuda short: masks and functions of pairs") {
  const attention c{causal<>{}, gaussian{}, softmax_one{}, logsumexp{}};
  check_short<16>(c, way_case::self(sequence_grid(70), 12));
  check_poisoned<16>(c, way_case::self(sequence_grid(70), 13), 66);
}

TEST_CASE("attend cuda short: weights of single scores") {
  check_short<16>(attention{sigmoid_weights{}, sliding<9>{}}, way_case::self(sequence_grid(40), 14));
}
