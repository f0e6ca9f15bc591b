/// @file
/// `merge_attention` on a device: eight lanes for every query.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/merge.hpp>

#include "rows.cuh"

namespace heddle::inline v0 {

namespace device {

/// A view `[batch, heads, tokens, ...]` by its strides.
template <class T>
struct token_rows {
  T* data;
  std::uint64_t strides[3];

  template <class View>
  static token_rows of(const View& v) noexcept {
    return {v.data_handle(), {v.stride(0), v.stride(1), v.stride(2)}};
  }
  HEDDLE_DEVICE T* at(std::uint64_t b, std::uint64_t head, std::uint64_t token) const {
    return data + b * strides[0] + head * strides[1] + token * strides[2];
  }
};

template <unsigned V>
struct merge_results {
  static constexpr unsigned threads = 128;
  static constexpr unsigned lanes = 8;
  static constexpr unsigned rows_per_block = threads / lanes;
  token_rows<const float> a, a_lse, b, b_lse;
  token_rows<float> out, lse;
  std::uint64_t heads, tokens, rows, dims;  ///< rows: queries of all heads

  HEDDLE_DEVICE void operator()() const {
    const std::uint64_t tiles = (rows - 1) / rows_per_block + 1;
    for (std::uint64_t tile = block_index(); tile < tiles; tile += grid_size()) {
      const std::uint64_t row = tile * rows_per_block + thread() / lanes;
      const std::uint64_t at = row < rows ? row : rows - 1;
      const std::uint64_t line = at / tokens;
      const std::uint64_t image = line / heads;
      merge(image, line - image * heads, at - line * tokens, row < rows);
    }
  }

 private:
  HEDDLE_DEVICE void merge(std::uint64_t image, std::uint64_t head, std::uint64_t token, bool writes) const {
    const float la = load_global(a_lse.at(image, head, token));
    const float lb = load_global(b_lse.at(image, head, token));
    sync_warp();  // the logsumexp may be that of a or b: everybody has read
    if (!writes) return;
    constexpr float nothing = -__builtin_inff();
    float wa = la == nothing ? 0.0F : 1.0F;
    float wb = lb == nothing ? 0.0F : 1.0F;
    float merged = la == nothing ? lb : la;
    if (la != nothing && lb != nothing) {
      const float largest = la > lb ? la : lb;
      const float ea = device::exp(la - largest);
      const float eb = device::exp(lb - largest);
      wa = ea / (ea + eb);
      wb = eb / (ea + eb);
      merged = largest + device::log(ea + eb);
    }
    const float* const from_a = a.at(image, head, token);
    const float* const from_b = b.at(image, head, token);
    float* const to = out.at(image, head, token);
    const unsigned own = thread() % lanes;
    for (std::uint64_t d = own * V; d < dims; d += lanes * V) {
      floats<V> sum = same_floats<V>(0.0F);  // a result without weight is not read
      if (wa != 0.0F) add(sum, wa, load_floats<V>(from_a + d));
      if (wb != 0.0F) add(sum, wb, load_floats<V>(from_b + d));
      store_floats(to + d, sum);
    }
    if (own == 0) store_global(lse.at(image, head, token), merged);
  }

  static HEDDLE_DEVICE void add(floats<V>& sum, float weight, const floats<V>& value) {
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < V; ++i) sum[i] += weight * value[i];
  }
};

}  // namespace device

template <class Arch>
struct kernel<op::merge_attention, cuda_backend<Arch>> {
  using backend_type = cuda_backend<Arch>;

  template <std::size_t D>
  static void run(context<backend_type> ctx, const merge_input<D>& a, const merge_input<D>& b, const head_view<float, D>& out,
                  const head_rows<float>& logsumexp) {
    const std::size_t rows = out.extent(0) * out.extent(1) * out.extent(2);
    if (rows == 0) return;
    const void* const pointers[] = {a.out.data_handle(),       a.logsumexp.data_handle(), b.out.data_handle(),
                                    b.logsumexp.data_handle(), out.data_handle(),         logsumexp.data_handle()};
    constexpr const char* names[] = {"out_a", "lse_a", "out_b", "lse_b", "out", "logsumexp"};
    for (std::size_t i = 0; i < 6; ++i) device::require_device_pointer("merge_attention", names[i], pointers[i]);
    if (vectors(a.out) && vectors(b.out) && vectors(out)) {
      launch<4>(ctx.backend.stream, a, b, out, logsumexp, rows);
    } else {
      launch<1>(ctx.backend.stream, a, b, out, logsumexp, rows);
    }
  }

 private:
  template <class View>
  static bool vectors(const View& v) noexcept {
    bool all = v.extent(3) % 4 == 0;
    for (std::size_t r = 0; r < 3; ++r) all = all && device::rows_of_vectors(v.data_handle(), v.stride(r), v.extent(r));
    return all;
  }

  template <unsigned V, std::size_t D>
  static void launch(device::stream stream, const merge_input<D>& a, const merge_input<D>& b, const head_view<float, D>& out,
                     const head_rows<float>& logsumexp, std::size_t rows) {
    using functor = device::merge_results<V>;
    using input = device::token_rows<const float>;
    using output = device::token_rows<float>;
    device::launch(stream, device::grid_of((rows - 1) / functor::rows_per_block + 1), 0,
                   functor{input::of(a.out), input::of(a.logsumexp), input::of(b.out), input::of(b.logsumexp), output::of(out),
                           output::of(logsumexp), out.extent(1), out.extent(2), rows, out.extent(3)});
  }
};

}  // namespace heddle::inline v0
