/// @file
/// Keys and values of the tokens so far.
#pragma once

#include <cstddef>
#include <string>
#include <type_traits>

#include "../../core/error.hpp"
#include "key_rows.hpp"
#include "ring_heads.hpp"

namespace heddle::inline v0 {

/// What a full cache does.
enum class cache_mode {
  fixed,  ///< refuses more
  ring    ///< overwrites the oldest: for masks of a sliding window
};

/// A cache of keys and values over the caller's memory `[batch, heads, capacity, head_dim]` of `T`. A decoding step appends
/// the keys and values of the new tokens and attends to `keys()`, `values()` with the source `cross_source` (or
/// `grouped<0, cross_source>`), with no mask for one query, else with `causal<alignment::bottom_right>`.
/// @code
/// cache.append(k, v);
/// attend(ctx, plan_attention(decode, sequence_grid(1), sequence_grid(cache.size()), heads, memory), q, cache.keys(),
/// cache.values(), out);
/// @endcode
template <class T, std::size_t HeadDim = dyn, cache_mode Mode = cache_mode::fixed>
class kv_cache {
  static_assert(attend_element<T>, "heddle::kv_cache: elements are float, bfloat16 or half");
  head_view<T, HeadDim> keys_;
  head_view<T, HeadDim> values_;
  std::size_t appended_ = 0;

 public:
  /// @throws shape_error if the two views differ or hold nothing
  kv_cache(const head_view<T, HeadDim>& keys, const head_view<T, HeadDim>& values) : keys_(keys), values_(values) {
    require_like("kv_cache: values", values, keys.extent(2));
    if (capacity() == 0) detail::raise<shape_error>("kv_cache: keys: expected room for at least 1 token, got 0");
  }

  std::size_t capacity() const noexcept { return keys_.extent(2); }
  /// Tokens held.
  std::size_t size() const noexcept { return appended_ < capacity() ? appended_ : capacity(); }
  /// Position in the sequence of key 0: how many tokens were overwritten.
  std::size_t first_position() const noexcept { return appended_ - size(); }
  void clear() noexcept { appended_ = 0; }

  /// Appends `[batch, heads, tokens, head_dim]` of `T`, or of float, which is rounded.
  /// @throws shape_error for another shape or more tokens than are free (`fixed`), before anything is written
  template <class K, class V>
  void append(const K& k, const V& v) {
    require_like("kv_cache: append: k", k, k.extent(2));
    require_like("kv_cache: append: v", v, k.extent(2));
    const std::size_t tokens = k.extent(2);
    if constexpr (Mode == cache_mode::fixed) {
      if (tokens > capacity() - appended_)
        detail::raise<shape_error>("kv_cache: append: expected at most " + std::to_string(capacity() - appended_) +
                                   " tokens (capacity " + std::to_string(capacity()) + "), got " + std::to_string(tokens));
    }
    const std::size_t skipped = tokens > capacity() ? tokens - capacity() : 0;  // overwritten at once
    for (std::size_t t = skipped; t < tokens; ++t) {
      write(keys_, k, t, (appended_ + t) % capacity());
      write(values_, v, t, (appended_ + t) % capacity());
    }
    appended_ += tokens;
  }

  /// Keys as `attend` reads them: a `head_view` of the tokens held, or `ring_heads`.
  auto keys() const noexcept { return held(keys_); }
  auto values() const noexcept { return held(values_); }

 private:
  template <class X>
  void require_like(const char* name, const X& x, std::size_t tokens) const {
    require_extent(name, "batch items", keys_.extent(0), x.extent(0));
    require_extent(name, "heads", keys_.extent(1), x.extent(1));
    require_extent(name, "tokens", tokens, x.extent(2));
    require_extent(name, "elements of a head", keys_.extent(3), x.extent(3));
  }

  template <class X>
  static void write(const head_view<T, HeadDim>& to, const X& from, std::size_t token, std::size_t slot) {
    using source = typename X::value_type;
    static_assert(std::is_same_v<source, T> || std::is_same_v<source, float>,
                  "heddle::kv_cache: append takes elements of T or float");
    for (std::size_t b = 0; b < to.extent(0); ++b)
      for (std::size_t h = 0; h < to.extent(1); ++h)
        for (std::size_t d = 0; d < to.extent(3); ++d) to(b, h, slot, d) = static_cast<T>(from(b, h, token, d));
  }

  auto held(const head_view<T, HeadDim>& x) const noexcept {
    if constexpr (Mode == cache_mode::ring) {
      return ring_heads<T, HeadDim>{x, appended_ > capacity() ? appended_ % capacity() : 0, size()};
    } else {
      return head_view<const T, HeadDim>(x.data_handle(),
                                         extents<dyn, dyn, dyn, HeadDim>(x.extent(0), x.extent(1), size(), x.extent(3)),
                                         {x.stride(0), x.stride(1), x.stride(2), x.stride(3)});
    }
  }
};

}  // namespace heddle::inline v0
