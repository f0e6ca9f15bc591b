// What a fragment of a page may use without including it: the library and its names.
#pragma once

#include <cstddef>
#include <cstdio>
#include <span>
#include <vector>

#include <heddle/heddle.hpp>

#if __has_include(<xsimd/xsimd.hpp>) && __has_include(<heddle/backend/simd.hpp>)
#include <heddle/backend/simd.hpp>
#endif
