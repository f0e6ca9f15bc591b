// Two small attention kernels, written as the library's own are, with mistakes that can be asked for: what the emulation must
// report is tested on them. bf16, head dimension 64, tiles of 64 x 64.
#pragma once

#include <heddle/cuda/device/copy.cuh>
#include <heddle/cuda/device/global.cuh>
#include <heddle/cuda/device/math.cuh>
#include <heddle/cuda/device/matrix.cuh>
#include <heddle/cuda/device/sync.cuh>
#include <heddle/cuda/device/tiles.cuh>
#include <heddle/cuda/device/warp.cuh>
#include <heddle/cuda/device/wgmma.cuh>
#include <heddle/cuda/launch.cuh>

#include <cmath>

namespace test {

namespace device = heddle::device;

enum class mistake {
  none,
  // the streaming kernel
  no_copy_wait,
  no_sync_after_wait,
  no_sync_at_end,
  out_of_bounds,
  one_lane_syncs,
  lane_leaves_early,
  warp_skips_sync,
  store_past_the_end,
  load_past_the_end,
  not_transposed,
  no_swizzle,
  // the specialised kernel
  no_empty_wait,
  no_full_wait,
  arrive_before_product,
  no_empty_arrive,
  no_wgmma_fence,
  no_wgmma_wait,
  no_proxy_fence,
  no_store_barrier,
  no_store_wait,
  no_init_fence,
  too_few_bytes
};

inline constexpr unsigned head = 64;  // head dimension
inline constexpr unsigned tile = 64;  // queries and keys of a tile
inline constexpr unsigned tile_bytes = tile * head * 2;

/// The running maximum and sum of two rows of a lane, and what the products before must be scaled by.
struct row_state {
  float maximum[2] = {-1e30f, -1e30f};
  float sum[2] = {0.0f, 0.0f};

  /// Makes probabilities of the scores of 64 keys, of which `valid` count; element i as the fragments of C lie.
  template <class Scores>
  HEDDLE_DEVICE void update(Scores& s, unsigned valid, float (&rescale)[2]) {
    const float scale = 0.125f * 1.44269504f;
    const unsigned column = 2 * (device::lane() % 4);
    float top[2] = {-1e30f, -1e30f};
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < 32; ++i) {
      s[i] = i / 4 * 8 + column + i % 2 < valid ? s[i] * scale : -1e30f;
      top[i / 2 % 2] = device::max(top[i / 2 % 2], s[i]);
    }
    HEDDLE_DEVICE_UNROLL
    for (unsigned r = 0; r < 2; ++r) {
      const float fresh = device::max(maximum[r], device::warp_max<4>(top[r]));
      rescale[r] = device::exp2(maximum[r] - fresh);
      maximum[r] = fresh;
      sum[r] *= rescale[r];
    }
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < 32; ++i) {
      s[i] = device::exp2(s[i] - maximum[i / 2 % 2]);
      sum[i / 2 % 2] += s[i];
    }
  }
};

/// Streaming attention: mma.sync, double buffered copies. Block: 64 queries of one head; `q`, `k`, `v`, `out` are [heads, length, 64].
template <mistake Mistake = mistake::none>
struct streaming_attention {
  static constexpr unsigned threads = 128;
  static constexpr unsigned shared_bytes = 5 * tile_bytes;
  const device::bf16* q;
  const device::bf16* k;
  const device::bf16* v;
  device::bf16* out;
  unsigned length;
  unsigned blocks_per_head;

  static HEDDLE_DEVICE device::shared_address piece(device::shared_address base, unsigned row, unsigned c) {
    const unsigned permuted = Mistake == mistake::no_swizzle ? c : c ^ (row % 8);
    return base + row * 128 + permuted * 16;
  }

  HEDDLE_DEVICE void load(device::shared_address to, const device::bf16* from, unsigned first) const {
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned n = device::thread() + i * threads;
      const unsigned row = n / 8;
      const bool inside = first + row < length || Mistake == mistake::load_past_the_end;
      const device::shared_address at =
          piece(to, row, n % 8) + (Mistake == mistake::out_of_bounds && first != 0 ? shared_bytes : 0);
      device::copy_async16(at, from + (first + row) * head + n % 8 * 8, inside);
    }
  }

  HEDDLE_DEVICE void operator()() const {
    const unsigned first = device::block_index() % blocks_per_head * tile;
    const std::size_t offset = std::size_t{device::block_index() / blocks_per_head} * length * head;
    const device::shared_address queries = device::shared_base();
    const auto keys = [&](unsigned stage) { return queries + (1 + 2 * stage) * tile_bytes; };
    const unsigned tiles = (length + tile - 1) / tile;
    if (Mistake == mistake::lane_leaves_early && device::thread() == 77) return;
    load(queries, q + offset, first);
    load(keys(0), k + offset, 0);
    load(keys(0) + tile_bytes, v + offset, 0);
    device::copy_commit();

    float o[8][4] = {};
    row_state state;
    std::uint32_t a[4][4];
    HEDDLE_DEVICE_NO_UNROLL
    for (unsigned j = 0; j < tiles; ++j) {
      if (j + 1 < tiles) {
        load(keys((j + 1) % 2), k + offset, (j + 1) * tile);
        load(keys((j + 1) % 2) + tile_bytes, v + offset, (j + 1) * tile);
      }
      device::copy_commit();
      if constexpr (Mistake != mistake::no_copy_wait) device::copy_wait<1>();
      if (Mistake != mistake::no_sync_after_wait && !(Mistake == mistake::warp_skips_sync && device::warp() == 3))
        device::sync_block();
      if (j == 0) load_queries(a, queries);
      if (Mistake == mistake::one_lane_syncs && device::thread() == 5) device::sync_warp();
      one_tile(o, state, a, keys(j % 2), length - j * tile);
      if constexpr (Mistake != mistake::no_sync_at_end) device::sync_block();
    }
    device::copy_wait<0>();
    store(o, state, out + offset, first);
  }

  static HEDDLE_DEVICE void load_queries(std::uint32_t (&a)[4][4], device::shared_address queries) {
    const unsigned row = device::warp() * 16 + device::lane() % 16;
    HEDDLE_DEVICE_UNROLL
    for (unsigned step = 0; step < 4; ++step) device::load_matrix(a[step], piece(queries, row, 2 * step + device::lane() / 16));
  }

  static HEDDLE_DEVICE void one_tile(float (&o)[8][4], row_state& state, const std::uint32_t (&a)[4][4],
                                     device::shared_address keys, unsigned valid) {
    const unsigned lane = device::lane();
    float s[8][4] = {};
    HEDDLE_DEVICE_UNROLL
    for (unsigned step = 0; step < 4; ++step) {
      HEDDLE_DEVICE_UNROLL
      for (unsigned n = 0; n < 4; ++n) {
        std::uint32_t b[4];
        device::load_matrix(b, piece(keys, 16 * n + lane % 8 + lane / 16 * 8, 2 * step + lane / 8 % 2));
        device::mma<device::bf16>(s[2 * n], a[step], b[0], b[1]);
        device::mma<device::bf16>(s[2 * n + 1], a[step], b[2], b[3]);
      }
    }
    float rescale[2];
    float flat[32];
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < 32; ++i) flat[i] = s[i / 4][i % 4];
    state.update(flat, valid, rescale);
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < 32; ++i) o[i / 4][i % 4] *= rescale[i / 2 % 2];
    HEDDLE_DEVICE_UNROLL
    for (unsigned step = 0; step < 4; ++step) {
      std::uint32_t p[4];
      HEDDLE_DEVICE_UNROLL
      for (unsigned r = 0; r < 4; ++r) p[r] = device::pack<device::bf16>(flat[8 * step + 2 * r], flat[8 * step + 2 * r + 1]);
      HEDDLE_DEVICE_UNROLL
      for (unsigned n = 0; n < 4; ++n) {
        std::uint32_t b[4];
        device::load_matrix<Mistake != mistake::not_transposed>(
            b, piece(keys + tile_bytes, 16 * step + lane % 16, 2 * n + lane / 16));
        device::mma<device::bf16>(o[2 * n], p, b[0], b[1]);
        device::mma<device::bf16>(o[2 * n + 1], p, b[2], b[3]);
      }
    }
  }

  HEDDLE_DEVICE void store(const float (&o)[8][4], const row_state& state, device::bf16* to, unsigned first) const {
    HEDDLE_DEVICE_UNROLL
    for (unsigned r = 0; r < 2; ++r) {
      const float inverse = device::rcp(device::warp_sum<4>(state.sum[r]));
      const unsigned row = first + device::warp() * 16 + device::lane() / 4 + 8 * r;
      if (row >= length && Mistake != mistake::store_past_the_end) continue;
      HEDDLE_DEVICE_UNROLL
      for (unsigned n = 0; n < 8; ++n) {
        const device::vector<device::bf16, 2> pair{device::round_to<device::bf16>(o[n][2 * r] * inverse),
                                                   device::round_to<device::bf16>(o[n][2 * r + 1] * inverse)};
        device::store_vector(to + row * head + n * 8 + 2 * (device::lane() % 4), pair);
      }
    }
  }
};

/// The same, specialised: warpgroup 1 loads tiles by the tensor map engine, warpgroup 0 computes with wgmma. The tensors are
/// maps of [heads * length, 64]; the length is a multiple of 64.
template <mistake Mistake = mistake::none>
struct specialised_attention {
  static constexpr unsigned threads = 256;
  static constexpr unsigned barriers = 5 * tile_bytes;  // byte of the first: queries, full [2], empty [2]
  static constexpr unsigned shared_bytes = barriers + 64;
  device::tensor_map q;
  device::tensor_map k;
  device::tensor_map v;
  device::tensor_map out;
  unsigned length;

  static HEDDLE_DEVICE device::shared_address keys(unsigned stage) {
    return device::shared_base() + (1 + 2 * stage) * tile_bytes;
  }
  static HEDDLE_DEVICE device::shared_address here() { return device::shared_base() + barriers; }
  static HEDDLE_DEVICE device::shared_address full(unsigned stage) { return here() + 8 + 8 * stage; }
  static HEDDLE_DEVICE device::shared_address empty(unsigned stage) { return here() + 24 + 8 * stage; }

  HEDDLE_DEVICE void operator()() const {
    if (device::thread() == 0) {
      device::mbarrier_init(here(), 1);
      for (unsigned stage = 0; stage < 2; ++stage) {
        device::mbarrier_init(full(stage), 1);
        device::mbarrier_init(empty(stage), 128);
      }
      if constexpr (Mistake != mistake::no_init_fence) device::fence_mbarrier_init();
    }
    device::sync_block();
    const unsigned blocks_per_head = length / tile;
    const int first_key = static_cast<int>(device::block_index() / blocks_per_head * length);
    const int first_query = static_cast<int>(device::block_index() * tile);
    if (device::warpgroup() == 1) {
      device::set_registers_down<24>();
      if (device::warp() == 4 && device::elect_one()) produce(first_query, first_key);
    } else {
      device::set_registers_up<240>();
      consume(first_query);
    }
  }

  HEDDLE_DEVICE void produce(int first_query, int first_key) const {
    device::mbarrier_arrive_expect(here(), tile_bytes);
    device::tile_load(device::shared_base(), q, here(), {0, first_query});
    HEDDLE_DEVICE_NO_UNROLL
    for (unsigned j = 0; j < length / tile; ++j) {
      const unsigned stage = j % 2;
      const int row = first_key + static_cast<int>(j * tile);
      if constexpr (Mistake != mistake::no_empty_wait) device::mbarrier_wait(empty(stage), 1 - j / 2 % 2);
      device::mbarrier_arrive_expect(full(stage), Mistake == mistake::too_few_bytes ? tile_bytes : 2 * tile_bytes);
      device::tile_load(keys(stage), k, full(stage), {0, row});
      device::tile_load(keys(stage) + tile_bytes, v, full(stage), {0, row});
    }
  }

  HEDDLE_DEVICE void consume(int first_query) const {
    device::accumulator<64> s;
    device::accumulator<64> o;
    row_state state;
    std::uint32_t p[4][4];
    o.clear();
    device::mbarrier_wait(here(), 0);
    HEDDLE_DEVICE_NO_UNROLL
    for (unsigned j = 0; j < length / tile; ++j) {
      const unsigned stage = j % 2;
      if constexpr (Mistake != mistake::no_full_wait) device::mbarrier_wait(full(stage), j / 2 % 2);
      const auto a = device::matrix_descriptor(device::shared_base(), 16, 1024, device::swizzle::bytes_128);
      const auto b = device::matrix_descriptor(keys(stage), 16, 1024, device::swizzle::bytes_128);
      if constexpr (Mistake != mistake::no_wgmma_fence) device::wgmma_fence();
      HEDDLE_DEVICE_UNROLL
      for (unsigned step = 0; step < 4; ++step) {
        device::wgmma_ss<device::bf16>(s, device::advanced(a, 32 * step), device::advanced(b, 32 * step), step != 0);
      }
      device::wgmma_commit();
      if constexpr (Mistake != mistake::no_wgmma_wait) device::wgmma_wait<0>(s);
      float rescale[2];
      state.update(s, 64, rescale);
      HEDDLE_DEVICE_UNROLL
      for (unsigned i = 0; i < 32; ++i) o[i] *= rescale[i / 2 % 2];
      HEDDLE_DEVICE_UNROLL
      for (unsigned i = 0; i < 16; ++i) p[i / 4][i % 4] = device::pack<device::bf16>(s[2 * i], s[2 * i + 1]);
      const auto values = device::matrix_descriptor(keys(stage) + tile_bytes, tile_bytes, 1024, device::swizzle::bytes_128);
      HEDDLE_DEVICE_UNROLL
      for (unsigned step = 0; step < 4; ++step) device::pin(p[step]);
      device::pin(o);
      device::wgmma_fence();
      HEDDLE_DEVICE_UNROLL
      for (unsigned step = 0; step < 4; ++step) {
        device::wgmma_rs<device::bf16, 64, true>(o, p[step], device::advanced(values, 2048 * step), true);
      }
      device::wgmma_commit();
      if constexpr (Mistake == mistake::arrive_before_product) device::mbarrier_arrive(empty(stage));
      device::wgmma_wait<0>(o);
      if constexpr (Mistake != mistake::arrive_before_product && Mistake != mistake::no_empty_arrive)
        device::mbarrier_arrive(empty(stage));
    }
    store(o, state, first_query);
  }

  /// Through the queries' tile, which all products have read.
  HEDDLE_DEVICE void store(device::accumulator<64>& o, const row_state& state, int first_query) const {
    device::barrier_sync(1, 128);
    HEDDLE_DEVICE_UNROLL
    for (unsigned r = 0; r < 2; ++r) {
      const float inverse = device::rcp(device::warp_sum<4>(state.sum[r]));
      const unsigned row = device::warp() * 16 + device::lane() / 4 + 8 * r;
      HEDDLE_DEVICE_UNROLL
      for (unsigned n = 0; n < 8; ++n) {
        const device::shared_address at = device::shared_base() + row * 128 + n * 16 + 4 * (device::lane() % 4);
        device::shared_store(device::swizzled(at, device::swizzle::bytes_128),
                             device::pack<device::bf16>(o[4 * n + 2 * r] * inverse, o[4 * n + 2 * r + 1] * inverse));
      }
    }
    if constexpr (Mistake != mistake::no_proxy_fence) device::fence_async_proxy();
    if constexpr (Mistake != mistake::no_store_barrier) device::barrier_sync(1, 128);
    if (device::warp() == 0 && device::elect_one()) {
      device::tile_store(out, {0, first_query}, device::shared_base());
      device::tile_store_commit();
      if constexpr (Mistake != mistake::no_store_wait) device::tile_store_wait<0>();
    }
  }
};

}  // namespace test
