/// @file
/// `each`: a function of a number, for many numbers. What no other primitive says, in a form that runs where the data is.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../backend/tags.hpp"
#include "../core/context.hpp"

namespace heddle::inline v0 {

namespace op {
/// Tag of `heddle::each`, for backends whose memory the host may not follow.
struct each {};
}  // namespace op

namespace detail {
/// `positions[i] = first + i`.
struct count_up {
  std::int32_t* positions;
  std::int32_t first;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const { positions[i] = first + static_cast<std::int32_t>(i); }
};
/// `values[i] = value`.
struct set_all {
  float* values;
  float value;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const { values[i] = value; }
};
/// `to[i] = from[i]`.
template <class T>
struct copy_number {
  const T* from;
  T* to;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const { to[i] = from[i]; }
};
/// One number of a matrix copied.
struct copy_element {
  matrix_view<const float> x;
  matrix_view<float> y;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    const std::size_t row = i / y.extent(1);
    const std::size_t column = i % y.extent(1);
    y.data_handle()[row * y.stride(0) + column] = x.data_handle()[row * x.stride(0) + column];
  }
};
/// One number of a matrix set.
struct set_element {
  matrix_view<float> y;
  float value;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    y.data_handle()[i / y.extent(1) * y.stride(0) + i % y.extent(1)] = value;
  }
};
}  // namespace detail

/// `f(i)` for every `i` below `count`, in any order and at the same time: no call reads what another one writes.
///
/// `F` is a type with a name, trivially copyable, that holds its views and numbers by value; its `operator()` is
/// `HEDDLE_HOST_DEVICE`. So the same function runs on the host and on a device, one thread for every number.
/// @code
/// struct negate {
///   float* x;
///   HEDDLE_HOST_DEVICE void operator()(std::size_t i) const { x[i] = -x[i]; }
/// };
/// heddle::each(ctx, n, negate{x});
/// @endcode
template <class Backend, class F>
void each(context<Backend> ctx, std::size_t count, F f) {
  static_assert(std::is_trivially_copyable_v<F>,
                "heddle::each: the function must be trivially copyable, as device code takes it by value");
  if (count == 0) return;
  if constexpr (prefers_whole_maps<Backend>) {
    kernel<op::each, Backend>::run(ctx, count, f);
  } else {
    // Parts, so that a call for a worker has something to do.
    constexpr std::size_t part = 1024;
    ctx.backend.parallel_for((count + part - 1) / part, [&](std::size_t p, std::size_t) {
      const std::size_t end = (p + 1) * part < count ? (p + 1) * part : count;
      for (std::size_t i = p * part; i < end; ++i) f(i);
    });
  }
}

}  // namespace heddle::inline v0
