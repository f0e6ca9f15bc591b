// Observers of weights in two passes on a device, emulated, against the definition; and smoothed exponentials by tiles.
#include "tests/kernels/cuda/attend_on_device.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

using everything = observe<logsumexp, key_importance, class_row, probabilities>;

/// A table of a policy, where both sides read it.
template <class T>
struct shared_table {
  device::memory memory;
  std::size_t size;
  explicit shared_table(const std::vector<T>& values)
      : memory(device::allocate_managed(values.size() * sizeof(T))), size(values.size()) {
    std::copy(values.begin(), values.end(), memory.template as<T>());
  }
  const T* data() { return memory.template as<T>(); }
};

/// The way of two passes is there for a composition.
template <class Composition, std::size_t D = dyn, class T = float>
constexpr bool in_two_passes = detail::attend_observe_way<attend_arguments<typename Composition::kernel_type, D, T>>::supports;

static_assert(in_two_passes<attention<key_importance>, 64>);
static_assert(in_two_passes<attention<window<>, same_region, softmax_one, everything>>);
static_assert(in_two_passes<attention<cross_source, smoothed_softmax, class_row, lengths>, 64>);
static_assert(!in_two_passes<attention<smoothed_softmax, class_row, causal<>>, 64>);  // another sum for every query
static_assert(!in_two_passes<attention<neighborhood<3>, key_importance>>);            // groups add to the same keys
static_assert(!in_two_passes<attention<top_k<3>, class_row>>);

}  // namespace

TEST_CASE("attend cuda observe: everything, of one query and of several tiles") {
  for (const std::size_t n : {1U, 70U}) require_like_definition(attention{everything{}}, self_call(sequence_grid(n), 12), n);
}

TEST_CASE("attend cuda observe: rows of importance have weights, keys are hidden") {
  const attend_sizes_of_call s = self_call(sequence_grid(100), 32, 2, 2);
  attend_inputs<float> x(s, 4);
  x.weights = normal_vector(s.batch * s.heads * s.grid.size(), 5);
  const attention c{causal<>{}, key_importance{}};
  const auto expected = run_definition<32>(c, s, x);
  in_both_orders([&] { require_same_results(expected, run_on_device<32, float>(c, s, x), 1e-5); });
}

TEST_CASE("attend cuda observe: padded windows with biases, and a virtual key") {
  require_like_definition(attention{everything{}, window<>{4, 4, 1, 2}, same_region{}, softmax_one{}, alibi<2>{}},
                          self_call({1, 9, 7}, 8), 3);
}

TEST_CASE("attend cuda observe: stored bfloat16, changed rows, weights of single scores") {
  shared_table<float> scales({1.0F, 2.0F});
  require_like_definition<32, bfloat16, float>(attention{observe<key_importance, class_row>{}, cosine{scales.data(), 2}},
                                               self_call(sequence_grid(40), 32), 5, 8e-3, 8e-3);
  require_like_definition(attention{observe<key_importance, probabilities>{}, sigmoid_weights{}},
                          self_call(sequence_grid(33), 8), 6);
}

TEST_CASE("attend cuda observe: a small constant in the softmax") {
  shared_table<std::int32_t> counts({37, 20, 0});
  const lengths shorter{{counts.data(), counts.size}};
  const attend_sizes_of_call cross{3, 2, 2, 16, sequence_grid(5), sequence_grid(37)};
  for (const float epsilon : {1e-6F, 0.5F}) {
    require_like_definition<16>(attention{cross_source{}, smoothed_softmax{epsilon}, class_row{}, shorter}, cross, 7);
    require_like_definition<16>(attention{cross_source{}, smoothed_softmax{epsilon}}, cross, 8);
    require_like_definition(attention{smoothed_softmax{epsilon}, observe<key_importance, probabilities>{}},
                            self_call(sequence_grid(70), 20), 9);
  }
}

TEST_CASE("attend cuda observe: outputs in the place of queries") {
  const std::size_t n = 20, dim = 16;
  const std::vector<float> x = normal_vector(n * dim, 3);
  std::vector<float> expected = x, importance(n);
  const auto call = [&](auto ctx, float* q, const float* kv, float* sums) {
    const auto heads = [&](const float* p) { return merged_heads<dyn>(p, 1, n, 1, dim); };
    attend_outputs o;
    o.importance = head_rows<float>(sums, extents<dyn, dyn, dyn>(1, 1, n), {n, n, 1});
    attend(ctx, attention{key_importance{}}, heads(q), heads(kv), heads(kv), merged_heads<dyn>(q, 1, n, 1, dim),
           sequence_grid(n), o);
  };
  const attention c{key_importance{}};
  const workspace memory(attend_bytes(reference{}, c, sequence_grid(n), dim));
  call(context<reference>{{}, memory.scratch()}, expected.data(), x.data(), importance.data());
  const device_scratch scratch(attend_bytes(cuda<>{}, c, sequence_grid(n), dim));
  on_device<float> q(x), kv(x), sums(std::vector<float>(n, 0.0F));
  call(scratch.ctx(), q.data(), kv.data(), sums.data());
  CHECK(worst(expected, q.to_host()).relative() < 1e-5);
  CHECK(worst(importance, sums.to_host()).relative() < 1e-5);
}
