// Every function of the device layer: the instructions behind them only have to compile here.
#include <heddle/cuda/device/copy.cuh>
#include <heddle/cuda/device/global.cuh>
#include <heddle/cuda/device/math.cuh>
#include <heddle/cuda/device/matrix.cuh>
#include <heddle/cuda/device/shared.cuh>
#include <heddle/cuda/device/sync.cuh>
#include <heddle/cuda/device/tiles.cuh>
#include <heddle/cuda/device/warp.cuh>
#include <heddle/cuda/device/wgmma.cuh>
#include <heddle/cuda/launch.cuh>

namespace {

namespace device = heddle::device;

struct memory_functions {
  static constexpr unsigned threads = 128;
  static constexpr unsigned min_blocks = 2;
  const float* in;
  const device::bf16* halves;
  const unsigned char* bytes;
  float* out;
  int* counter;

  HEDDLE_DEVICE void operator()() const {
    using namespace device;
    const unsigned i = thread() + block_index() * block_size();
    if (i >= grid_size() * block_size()) return;
    const shared_address base = shared_base();
    copy_async16(base + 16 * thread(), in + 4 * i, i % 3 != 0);
    copy_async<8>(base + 4096 + 8 * thread(), in + 2 * i);
    copy_async<4>(base + 8192 + 4 * thread(), in + i, 4);
    copy_commit();
    copy_wait<1>();
    copy_wait<0>();
    sync_block();
    sync_warp();
    barrier_arrive(1, 128);
    barrier_sync(1, 128);
    const auto four = shared_load<vector<float, 4>>(base + 16 * (127 - thread()));
    const auto two = shared_load<vector<float, 2>>(base + 8 * thread());
    const shared_view<bf16> view{base + 8192};
    shared_store(base + 16 * thread(), four);
    shared_store(base + 4096 + 8 * thread(), two);
    shared_store(base + 8192 + 4 * thread(), four[0]);
    view.store(thread(), view.load(127 - thread()));
    const auto wide = load_vector<8>(halves + 8 * i);
    float sum = four[0] + two[1] + to_float(wide[3]) + load_global_constant(in + i) + load_global(in + i);
    sum += static_cast<float>(load_global(bytes + i)) + to_float(view.load(lane()));
    store_global(out + i, sum);
    store_vector(out + 4 * i, four);
    if (lane() == 0 && warp() == 0 && warpgroup() == 0) atomic_add(counter, 1);
  }
};

struct register_functions {
  static constexpr unsigned threads = 32;
  const float* in;
  float* out;

  HEDDLE_DEVICE void operator()() const {
    using namespace device;
    const unsigned i = thread();
    float x = load_global(in + i);
    x = device::exp2(x) + device::log2(x) + rcp(x) + device::rsqrt(x) + tanh_fast(x) + device::sqrt(x) + device::exp(x) +
        device::log(x) + device::tanh(x) + device::erf(x) + device::max(x, 1.0f) + device::min(x, 2.0f) + device::fma(x, x, x);
    x += shuffle_xor(x, 1) + shuffle(x, 5) + shuffle_up(x, 1) + shuffle_down(x, 2) + warp_sum(x) + warp_max<8>(x);
    x += static_cast<float>(shuffle(std::uint64_t{i} << 33, 3));
    if (vote_any(x > 1) && vote_all(x > 0)) x += static_cast<float>(count_bits(device::ballot(x > 2)));
    std::uint32_t one[1];
    std::uint32_t two[2];
    std::uint32_t a[4];
    const shared_address row = shared_base() + 16 * i;
    shared_store(row, vector<float, 4>{x, x, x, x});
    sync_warp();
    load_matrix(one, row);
    load_matrix<true>(one, row);
    load_matrix(two, row);
    load_matrix<true>(two, row);
    load_matrix(a, row);
    load_matrix<true>(a, row);
    float c[4] = {};
    mma<bf16>(c, a, one[0], two[0]);
    mma<f16>(c, a, one[0], two[1]);
    const tf32_pair parts = split_tf32(x);
    mma<tf32>(c, a, parts.high, parts.low);
    x = c[0] + c[1] + c[2] + c[3] + unpack_low<bf16>(pack<bf16>(x, x)) + unpack_high<f16>(pack<f16>(x, x));
    x += to_float(round_to<bf16>(x)) + to_float(round_to<f16>(x)) + round_to<float>(x);
    store_global(out + i, x);
  }
};

struct tile_functions {
  static constexpr unsigned threads = 256;
  device::tensor_map two;
  device::tensor_map three;
  device::tensor_map four;

  HEDDLE_DEVICE void operator()() const {
    using namespace device;
    const shared_address full = shared_base();
    const shared_address tile = full + 1024;
    if (thread() == 0) {
      mbarrier_init(full, 2);
      fence_mbarrier_init();
      prefetch(two);
    }
    sync_block();
    if (warpgroup() == 1) {
      set_registers_down<24>();
      if (warp() == 4 && elect_one()) {
        mbarrier_expect(full, 8192);
        tile_load(tile, two, full, {0, 64});
        tile_load(tile + 8192, three, full, {0, 1, 2});
        tile_load(tile + 16384, four, full, {0, 1, 2, 3});
        mbarrier_arrive_expect(full, 16384);
        mbarrier_arrive(full);
      }
      return;
    }
    set_registers_up<240>();
    mbarrier_wait(full, 0);
    fence_async_proxy();
    barrier_sync(1, 128);
    if (warp() == 0 && elect_one()) {
      tile_store(two, {0, 0}, tile);
      tile_store(three, {0, 0, 0}, tile + 8192);
      tile_store(four, {0, 0, 0, 0}, tile + 16384);
      tile_store_commit();
      tile_store_wait<1>();
      tile_store_wait<0>();
    }
  }
};

template <class T, unsigned Columns>
struct products {
  static constexpr unsigned threads = 128;
  float* out;

  HEDDLE_DEVICE void operator()() const {
    using namespace device;
    accumulator<Columns> c;
    c.clear();
    const auto a = matrix_descriptor(shared_base(), 16, 1024, swizzle::bytes_128);
    const auto b = matrix_descriptor(shared_base() + 8192, 8192, 1024, swizzle::bytes_128);
    std::uint32_t registers[4] = {thread(), 1, 2, 3};
    pin(registers);
    wgmma_fence();
    wgmma_ss<T>(c, a, b, false);
    wgmma_ss<T, Columns, false, true>(c, advanced(a, 32), advanced(b, 2048), true);
    wgmma_ss<T, Columns, true, true>(c, a, b, true);
    wgmma_rs<T>(c, registers, b, true);
    wgmma_rs<T, Columns, true>(c, registers, b, true);
    wgmma_commit();
    wgmma_wait<1>();
    wgmma_wait<0>(c);
    float sum = 0;
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < accumulator<Columns>::size; ++i) sum += c[i];
    store_global(out + thread(), sum);
  }
};

}  // namespace

void launch_tiles(device::stream stream, const device::bf16* base, float* out) {
  const std::uint64_t strides[] = {256, 4096, 65536};
  const auto two = device::make_tensor_map<device::bf16, 2>(base, {128, 64}, strides, {64, 64}, device::swizzle::bytes_128);
  const auto three =
      device::make_tensor_map<device::bf16, 3>(base, {128, 16, 4}, strides, {64, 16, 4}, device::swizzle::bytes_128);
  const auto four =
      device::make_tensor_map<device::bf16, 4>(base, {128, 16, 16, 2}, strides, {64, 8, 8, 1}, device::swizzle::bytes_128);
  device::launch(stream, 1, 32 * 1024, tile_functions{two, three, four});
  device::launch(stream, 1, 32 * 1024, products<device::bf16, 8>{out});
  device::launch(stream, 1, 32 * 1024, products<device::f16, 48>{out});
  device::launch(stream, 1, 32 * 1024, products<device::bf16, 80>{out});
  device::launch(stream, 1, 32 * 1024, products<device::bf16, 256>{out});
}

void launch_layer(device::stream stream, const float* in, float* out) {
  device::launch(stream, 4, 64 * 1024, memory_functions{in, nullptr, nullptr, out, nullptr});
  device::launch(stream, 1, 512, register_functions{in, out});
}
