/// @file
/// The block of the warp-specialised attention (sm_90a): its places in shared memory, its barriers, and the products of a
/// warpgroup on its tiles.
#pragma once

#include <cstddef>
#include <cstdint>

#include <heddle/cuda/attend_hopper_layout.cuh>
#include <heddle/cuda/device/tiles.cuh>
#include <heddle/cuda/device/wgmma.cuh>

namespace heddle::inline v0::detail {

/// For elements of `T` (bf16 or f16) and heads of `Dim`.
template <class T, unsigned Dim>
struct hopper_block {
  using layout = hopper_layout<Dim>;
  static constexpr unsigned key_steps = layout::keys / 16;
  using scores_type = device::accumulator<layout::keys>;
  using outputs_type = device::accumulator<layout::dim>;
  using weights_type = std::uint32_t[key_steps][4];

  /// A tile of keys that somebody sees: twice its number, and one more if some pair is hidden. `last_tile`: there are no more.
  using key_tile = std::uint32_t;
  static constexpr key_tile last_tile = 0xffffffffU;
  static HEDDLE_DEVICE std::size_t first_key(key_tile t) { return static_cast<std::size_t>(t / 2U) * layout::keys; }
  static HEDDLE_DEVICE bool partial(key_tile t) { return (t & 1U) != 0U; }

  static HEDDLE_DEVICE device::shared_address at(unsigned offset) { return device::shared_base() + offset; }
  static HEDDLE_DEVICE device::shared_address barrier(unsigned n) { return at(layout::barrier_offset + 8U * n); }
  static HEDDLE_DEVICE device::shared_address q_full() { return barrier(0); }
  static HEDDLE_DEVICE device::shared_address q_empty() { return barrier(1); }
  static HEDDLE_DEVICE device::shared_address k_full(unsigned s) { return barrier(2 + s); }
  static HEDDLE_DEVICE device::shared_address k_empty(unsigned s) { return barrier(2 + layout::stages + s); }
  static HEDDLE_DEVICE device::shared_address v_full(unsigned s) { return barrier(2 + 2 * layout::stages + s); }
  static HEDDLE_DEVICE device::shared_address v_empty(unsigned s) { return barrier(2 + 3 * layout::stages + s); }
  static HEDDLE_DEVICE device::shared_address v_checked(unsigned s) { return barrier(2 + 4 * layout::stages + s); }
  static HEDDLE_DEVICE device::shared_address keys_at(unsigned s) { return at(layout::k_offset + s * layout::tile_bytes); }
  static HEDDLE_DEVICE device::shared_address values_at(unsigned s) { return at(layout::v_offset + s * layout::tile_bytes); }
  static HEDDLE_DEVICE device::shared_view<key_tile> listed_keys() { return {at(layout::list_offset)}; }
  static HEDDLE_DEVICE device::shared_view<key_tile> listed_values() { return {at(layout::list_offset + 4U * layout::stages)}; }
  static HEDDLE_DEVICE device::shared_view<std::uint32_t> flaws_of(unsigned s) { return {at(layout::flaw_offset + 16U * s)}; }

  /// Makes the barriers, by one lane. Values are read by `readers` warps besides the consumers'.
  static HEDDLE_DEVICE void begin(unsigned readers) {
    constexpr unsigned warps = 4 * layout::consumers;
    device::mbarrier_init(q_full(), 1);
    device::mbarrier_init(q_empty(), warps);
    for (unsigned s = 0; s < layout::stages; ++s) {
      device::mbarrier_init(k_full(s), 1);
      device::mbarrier_init(k_empty(s), warps);
      device::mbarrier_init(v_full(s), 1);
      device::mbarrier_init(v_empty(s), warps + readers);
      device::mbarrier_init(v_checked(s), layout::checkers);
    }
    device::fence_mbarrier_init();
  }

  /// One lane: a tile of 128 rows of one head, counted at `full`.
  static HEDDLE_DEVICE void load(const device::tensor_map& map, device::shared_address to, device::shared_address full, int row,
                                 int head, int batch) {
    device::mbarrier_arrive_expect(full, layout::tile_bytes);
    HEDDLE_DEVICE_UNROLL
    for (unsigned panel = 0; panel < layout::panels; ++panel)
      device::tile_load(to + panel * layout::panel_bytes, map, full, {static_cast<int>(64U * panel), row, head, batch});
  }

  /// Products are started by one consumer at a time.
  static HEDDLE_DEVICE void take_turn(unsigned group) { device::barrier_sync(1U + group, 256); }
  static HEDDLE_DEVICE void give_turn(unsigned group) { device::barrier_arrive(2U - group, 256); }
  /// This warp has read what the barrier guards.
  static HEDDLE_DEVICE void release(device::shared_address empty) {
    device::sync_warp();
    if (device::lane() == 0) device::mbarrier_arrive(empty);
  }

  /// Starts `s = q k^T` for 64 queries of a tile of keys, and `o += weights v`.
  static HEDDLE_DEVICE void multiply_keys(scores_type& s, unsigned group, unsigned stage) {
    const device::shared_address queries = at(64U * group * layout::row_bytes);
    const std::uint64_t q = device::matrix_descriptor(queries, 16, layout::eight_rows, device::swizzle::bytes_128);
    const std::uint64_t k = device::matrix_descriptor(keys_at(stage), 16, layout::eight_rows, device::swizzle::bytes_128);
    HEDDLE_DEVICE_UNROLL
    for (unsigned step = 0; step < layout::dim / 16; ++step) {
      const unsigned bytes = step / 4U * layout::panel_bytes + step % 4U * 32U;
      device::wgmma_ss<T, layout::keys>(s, device::advanced(q, bytes), device::advanced(k, bytes), step > 0);
    }
  }
  static HEDDLE_DEVICE void multiply_values(outputs_type& o, const weights_type& weights, unsigned stage) {
    const std::uint64_t v =
        device::matrix_descriptor(values_at(stage), layout::panel_bytes, layout::eight_rows, device::swizzle::bytes_128);
    HEDDLE_DEVICE_UNROLL
    for (unsigned step = 0; step < key_steps; ++step)
      device::wgmma_rs<T, layout::dim, true>(o, weights[step], device::advanced(v, step * 2U * layout::eight_rows), true);
  }

  /// Weights of two neighbouring tiles of 8 keys are the operand of a product.
  static HEDDLE_DEVICE void pack(weights_type& weights, const scores_type& s) {
    HEDDLE_DEVICE_UNROLL
    for (unsigned step = 0; step < key_steps; ++step) {
      HEDDLE_DEVICE_UNROLL
      for (unsigned r = 0; r < 4; ++r) weights[step][r] = device::pack<T>(s[8 * step + 2 * r], s[8 * step + 2 * r + 1]);
    }
  }
  static HEDDLE_DEVICE void copy(weights_type& to, const weights_type& from) {
    HEDDLE_DEVICE_UNROLL
    for (unsigned step = 0; step < key_steps; ++step) {
      HEDDLE_DEVICE_UNROLL
      for (unsigned r = 0; r < 4; ++r) to[step][r] = from[step][r];
    }
  }
  static HEDDLE_DEVICE void rescale(outputs_type& o, const float (&factor)[2]) {
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < layout::dim / 2; ++i) o[i] *= factor[i / 2 % 2];
  }
};

}  // namespace heddle::inline v0::detail
