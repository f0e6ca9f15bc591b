// Weights found a second time for observers: without spills. Exponentials with a small constant cost what the streaming kernel of floats
// costs without it (attend.cu).
//
// Of a tile of 64 keys and heads of 64 elements of 16 bits there are 32 products for scores; of 32 keys of floats 96.
//
// BUDGET all spills=0 stack=0 kernel=sums_of_
// BUDGET all spills=0 stack=0 kernel=smoothed_class_row
// BUDGET all spills<=96 stack<=24 kernel=smoothed_stream
// BUDGET all registers<=128 kernel=sums_of_columns_bf16
// BUDGET all registers<=168 kernel=sums_of_columns_f32
// BUDGET all registers<=168 kernel=smoothed_class_row
// BUDGET all registers<=168 kernel=smoothed_stream
// SASS sm_80 HMMA=32 LDGSTS>=8 LDL=0 STL=0 kernel=sums_of_columns_bf16
// SASS sm_80 HMMA=96 LDGSTS>=8 LDL=0 STL=0 kernel=sums_of_columns_f32
#include <heddle/cuda/attend_observe.cuh>

using namespace heddle;

template <class Composition, std::size_t D, class T, class Out = T>
using arguments = attend_arguments<typename Composition::kernel_type, D, T, Out>;
template <class Arguments>
using parameters = detail::attend_parameters<Arguments>;

using evad = attention<key_importance>;
using ats_row = attention<cross_source, smoothed_softmax, lengths, class_row>;

/// Names for the budgets.
struct sums_of_columns_bf16 : detail::attend_observe_kernel<parameters<arguments<evad, 64, bfloat16>>, 64> {};
struct sums_of_columns_f32 : detail::attend_observe_kernel<parameters<arguments<evad, 64, float>>, 64> {};
struct smoothed_class_row : detail::attend_observe_kernel<parameters<arguments<ats_row, 64, float>>, 64> {};
struct smoothed_stream : detail::attend_stream_kernel<parameters<detail::first_pass_of<arguments<ats_row, 64, float>>>, 64> {};
struct sums_of_values : detail::attend_value_sums<parameters<arguments<ats_row, 64, float>>> {};

void launch_all(device::stream s, const sums_of_columns_bf16& a, const sums_of_columns_f32& b, const smoothed_class_row& c,
                const smoothed_stream& d, const sums_of_values& e) {
  device::launch(s, 1, sums_of_columns_bf16::shared_bytes, a);
  device::launch(s, 1, sums_of_columns_f32::shared_bytes, b);
  device::launch(s, 1, smoothed_class_row::shared_bytes, c);
  device::launch(s, 1, smoothed_stream::shared_bytes, d);
  device::launch(s, 1, sums_of_values::shared_bytes, e);
}

// Three blocks of four warps share a multiprocessor of Ampere.
static_assert(sums_of_columns_bf16::shared_bytes + 1024 <= 164 * 1024 / 3 &&
              sums_of_columns_f32::shared_bytes + 1024 <= 164 * 1024 / 3);
