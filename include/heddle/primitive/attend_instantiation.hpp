/// @file
/// Compiling one `attend` in one translation unit, and only there.
#pragma once

#include "attend.hpp"

/// Says that `attend` for a composition, backend, element type and head dimension is compiled elsewhere: units that see it
/// call it without compiling its kernel. The composition comes last, because it may hold commas.
///
/// @code
/// // local_attention.hpp, which every unit includes
/// using local_attention = heddle::attention<heddle::window<7>, heddle::relative_position_bias<7>>;
/// HEDDLE_EXTERN_ATTENTION(heddle::simd, float, 32, local_attention);
///
/// // local_attention.cpp, once
/// #include <heddle/backend/simd.hpp>
/// HEDDLE_INSTANTIATE_ATTENTION(heddle::simd, float, 32, local_attention);
/// @endcode
///
/// It stands for calls with a plan whose q, k and v are `head_view<const T, HeadDim>` (as `qkv_views<HeadDim>` makes of a
/// pointer to const) and whose out is `head_view<T, HeadDim>` (`merged_heads<HeadDim>`). Other calls compile as ever.
/// At namespace scope, outside any namespace. Every unit must be compiled for the same instruction set.
#define HEDDLE_EXTERN_ATTENTION(Backend, T, HeadDim, ...) extern HEDDLE_INSTANTIATE_ATTENTION(Backend, T, HeadDim, __VA_ARGS__)

/// Compiles what `HEDDLE_EXTERN_ATTENTION` with the same arguments promised.
#define HEDDLE_INSTANTIATE_ATTENTION(Backend, T, HeadDim, ...)                                                         \
  template void heddle::attend(heddle::context<Backend>, const heddle::attention_plan<__VA_ARGS__>&,                   \
                               const heddle::head_view<const T, HeadDim>&, const heddle::head_view<const T, HeadDim>&, \
                               const heddle::head_view<const T, HeadDim>&, const heddle::head_view<T, HeadDim>&,       \
                               const heddle::attend_outputs&)
