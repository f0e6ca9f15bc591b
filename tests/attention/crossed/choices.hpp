// Policies that are one of many at run time: what changes code paths of the kernels is a type, what does not is a choice.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <heddle/attention/attention.hpp>
#include <heddle/heddle.hpp>

#include "support/random.hpp"
#if defined(__CUDACC__)
#include <heddle/cuda/runtime/runtime.hpp>
#endif

namespace heddle::test::crossed {

#if defined(__CUDACC__)
/// Memory that host and device read.
template <class T>
struct table_allocator {
  using value_type = T;
  table_allocator() = default;
  template <class U>
  table_allocator(const table_allocator<U>&) noexcept {}
  T* allocate(std::size_t n) { return reinterpret_cast<T*>(device::detail::take(n * sizeof(T), true)); }
  void deallocate(T* p, std::size_t) noexcept { device::detail::give_back(reinterpret_cast<std::byte*>(p)); }
  template <class U>
  bool operator==(const table_allocator<U>&) const noexcept {
    return true;
  }
};
template <class T>
using table_vector = std::vector<T, table_allocator<T>>;
#else
/// What policies of the cases look up, where every backend of the program reads it.
template <class T>
using table_vector = std::vector<T>;
#endif

/// Every partition whose map is `strided_groups<>`.
struct any_partition {
  using policy_category = partition_tag;
  using map_type = strided_groups<>;
  static constexpr std::size_t count = 14;
  std::size_t kind = 0;

  map_type map(const token_grid& g) const {
    switch (kind % count) {
      case 0:
        return global{}.map(g);
      case 1:
        return block<>{2, 3}.map(g);
      case 2:
        return grid<>{2, 3}.map(g);
      case 3:
        return window<>{3, 4, 1, 2}.map(g);
      case 4:
        return window<>{.height = 3, .width = 5, .shift_y = 2, .shift_x = 0, .depth = 2, .shift_t = 1}.map(g);
      case 5:
        return adaptive_block{}.map(g);
      case 6:
        return adaptive_grid{}.map(g);
      case 7:
        return axial<axis::height>{}.map(g);
      case 8:
        return axial<axis::width>{}.map(g);
      case 9:
        return axial<axis::frames>{}.map(g);
      case 10:
        return spatial{}.map(g);
      case 11:
        return temporal{}.map(g);
      case 12:
        return dilated<>{2, 4}.map(g);
      default:
        return window<>{1, 1}.map(g);
    }
  }
};

/// Numbers that masks and scores look up, for any group of the cases.
struct tables {
  table_vector<std::int32_t> lengths{17, 3};
  table_vector<std::int32_t> query_offsets;
  table_vector<std::int32_t> key_offsets;
  table_vector<std::uint8_t> blocks;
  table_vector<float> numbers;
  table_vector<float> boxes;

  tables(std::size_t queries, std::size_t keys) {
    const auto q = static_cast<std::int32_t>(queries);
    const auto k = static_cast<std::int32_t>(keys);
    query_offsets = {0, q / 3, q / 3, q - q / 4};  // an empty sequence, and tokens of none
    key_offsets = {0, k / 4, k / 2, k - k / 3};
    const std::vector<float> normal = normal_vector(80 * 80 * 8, 99);
    numbers.assign(normal.begin(), normal.end());
    generator random(7);
    blocks.resize(block_sparse<5, 7>::table_bytes(queries, keys));
    for (auto& b : blocks) b = static_cast<std::uint8_t>(random.integer(0, 2) % 2);
    for (std::size_t i = 0; i < queries + keys; ++i) {
      const double x = random.uniform();
      const double y = random.uniform();
      for (const double corner : {x, y, x + 0.1 + random.uniform(), y + 0.1 + random.uniform()})
        boxes.push_back(static_cast<float>(corner));
    }
  }
};

/// Every mask, chosen at run time; answered outside of the kernel, so that each is compiled once for a kind of map.
struct any_mask {
  using policy_category = mask_tag;
  static constexpr std::size_t count = 18;
  const tables* t = nullptr;
  std::size_t kind = 0;

  void check(const attend_call& call) const {
    with(call.queries, call.keys, [&](const auto& m) { heddle::detail::check_policy(m, call); });
  }
  template <class Context>
  HEDDLE_HOST_DEVICE HEDDLE_NOINLINE tile classify(const Context& c, std::size_t q0, std::size_t q1, std::size_t k0,
                                                   std::size_t k1) const {
    tile result = tile::partial;
    with_map(c, [&](const auto& m) { result = heddle::detail::classify(m, c, q0, q1, k0, k1); });
    return result;
  }
  template <class Context, class T>
  HEDDLE_HOST_DEVICE HEDDLE_NOINLINE typename batch_traits<T>::mask operator()(const Context& c, T q, T k) const {
    auto result = static_cast<typename batch_traits<T>::mask>(q == q);
    with_map(c, [&](const auto& m) { result = heddle::detail::visible<T>(m, c, q, k); });
    return result;
  }

 private:
  template <class Context, class F>
  HEDDLE_HOST_DEVICE void with_map(const Context& c, F&& f) const {
    if constexpr (requires { c.map->split(c.group); }) {
      if (kind % count == 17) return f(same_region{});
    }
    with(c.queries, c.keys, static_cast<F&&>(f));
  }

  template <class F>
  HEDDLE_HOST_DEVICE void with(std::size_t queries, std::size_t keys, F&& f) const {
    const auto odd = visible_if{[](auto q, auto k) { return q + k >= decltype(q)(9.0F); }};
    const auto scalar = visible_if{[](std::size_t q, std::size_t k) { return (q + 2 * k) % 5 != 0; }};
    const auto half = [](std::size_t n) { return n / 2; };
    switch (kind % count) {
      case 0:
        return f(causal<>{});
      case 1:
        return f(causal<alignment::bottom_right>{});
      case 2:
        return f(prefix<>{5});
      case 3:
        return f(sliding<>{4});
      case 4:
        return f(sliding<3, band_side::both>{});
      case 5:
        return f(lengths{t->lengths});
      case 6:
        return f(packed_lengths{t->query_offsets, t->key_offsets});
      case 7:
        return f(mixed<segments<dyn, dyn>, key_segments<dyn, dyn>, sees<0>, sees<0, 1>>{
            {half(queries), queries - half(queries)}, {half(keys), keys - half(keys)}});
      case 8:
        return f(block_sparse<5, 7>{t->blocks});
      case 9:
        return f(open_if_empty<block_sparse<5, 7>>{block_sparse<5, 7>{t->blocks}});
      case 10:
        return f(odd);
      case 11:
        return f(scalar);
      case 12:
        return f(all_of{causal<>{}, lengths{t->lengths}});
      case 13:
        return f(any_of{sliding<>{2}, block_sparse<5, 7>{t->blocks}});
      case 14:
        return f(none_of{lengths{t->lengths}, causal<>{}});
      case 15:
        return f(visible_if{[](auto q, auto) { return q < decltype(q)(0.0F); }});  // nobody sees anybody
      case 16:
        return f(open_if_empty<lengths>{lengths{t->lengths}});
      default:
        return f(full{});
    }
  }
};

}  // namespace heddle::test::crossed
