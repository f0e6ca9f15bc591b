/// @file
/// Forward declarations, and the bridge between operations and backends: `heddle::kernel<Op, Backend>`.
#pragma once

#include "config.hpp"

namespace heddle::inline v0 {

namespace detail {
template <class...>
inline constexpr bool always_false = false;
}

/// How operation `Op` runs on `Backend`. Specialised under `kernels/` for the built-in backends; specialise it for your
/// own backend tag to add or replace a kernel. `Op` is a tag of namespace `heddle::op`.
template <class Op, class Backend>
struct kernel {
  static_assert(detail::always_false<Op, Backend>,
                "heddle: this operation has no kernel for this backend; include the backend's header "
                "(heddle/backend/reference.hpp, heddle/backend/simd.hpp, heddle/backend/cuda.hpp) or specialise "
                "heddle::kernel<Op, Backend>");
};

struct serial;
struct reference;
template <class Isa, class Executor>
struct simd_backend;
template <class Arch>
struct cuda_backend;

}  // namespace heddle::inline v0
