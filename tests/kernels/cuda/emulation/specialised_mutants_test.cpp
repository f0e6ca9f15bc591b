// Mistakes in a warp-specialised kernel: each is reported, in order and at random; without them it is clean and right.
#include "attention_runs.hpp"

namespace {

using namespace test;

/// Runs the specialised kernel; the error of its result.
template <mistake Mistake>
double specialise(std::uint64_t seed, unsigned length, unsigned heads = 1) {
  tensors t(heads, length);
  const emulation::exposed q(t.q, "q"), k(t.k, "k"), v(t.v, "v"), out(t.out, "out");
  const emulation::options_scope order({.seed = seed});
  const auto map = [&](std::vector<device::bf16>& tensor) {
    const std::uint64_t extents[] = {head, std::uint64_t{heads} * length};
    const std::uint64_t strides[] = {head * 2};
    const std::uint32_t box[] = {head, 64};
    return device::make_tensor_map(tensor.data(), extents, strides, box, device::swizzle::bytes_128);
  };
  using kernel = test::specialised_attention<Mistake>;
  device::launch(nullptr, heads * length / 64, kernel::shared_bytes, kernel{map(t.q), map(t.k), map(t.v), map(t.out), length});
  return t.error();
}

}  // namespace

TEST_CASE("emulation: specialised attention is right and clean") {
  for (const auto seed : seeds) {
    CHECK(specialise<mistake::none>(seed, 256) < 0.01);
    CHECK(specialise<mistake::none>(seed, 64, 2) < 0.01);
  }
}

TEST_CASE("emulation: mistakes of the specialised kernel are reported") {
  SECTION("the producer does not wait for empty stages") {
    require_reported([](auto seed) { specialise<mistake::no_empty_wait>(seed, 256); },
                     {problem::in_flight, problem::race, problem::barrier_misuse});
  }
  SECTION("the consumer does not wait for full stages") {
    require_reported([](auto seed) { specialise<mistake::no_full_wait>(seed, 256); },
                     {problem::in_flight, problem::race, problem::never_written});
  }
  SECTION("stages are given back before the product has read them") {
    require_reported([](auto seed) { specialise<mistake::arrive_before_product>(seed, 256); },
                     {problem::in_flight, problem::race});
  }
  SECTION("stages are never given back") {
    require_reported([](auto seed) { specialise<mistake::no_empty_arrive>(seed, 256); }, {problem::deadlock});
  }
  SECTION("no fence before the product") {
    require_reported([](auto seed) { specialise<mistake::no_wgmma_fence>(seed, 64); }, {problem::missing_fence});
  }
  SECTION("no wait for the product") {
    require_reported([](auto seed) { specialise<mistake::no_wgmma_wait>(seed, 64); }, {problem::pending_register});
  }
  SECTION("no proxy fence between stores and the tile engine") {
    require_reported([](auto seed) { specialise<mistake::no_proxy_fence>(seed, 64); }, {problem::missing_fence});
  }
  SECTION("no proxy fence after an mbarrier was made") {
    require_reported([](auto seed) { specialise<mistake::no_init_fence>(seed, 64); }, {problem::missing_fence});
  }
  SECTION("no barrier between stores and the tile engine") {
    require_reported([](auto seed) { specialise<mistake::no_store_barrier>(seed, 64); },
                     {problem::race, problem::never_written});
  }
  SECTION("no wait for the stored tile") {
    require_reported([](auto seed) { specialise<mistake::no_store_wait>(seed, 64); }, {problem::unfinished_copy});
  }
  SECTION("fewer bytes expected than loaded") {
    require_reported([](auto seed) { specialise<mistake::too_few_bytes>(seed, 256); },
                     {problem::in_flight, problem::deadlock, problem::race});
  }
}
