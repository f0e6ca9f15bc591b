// Catch2 2.13 (Debian 12) or 3.x, whichever is installed.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif

// Without exceptions an error ends the program, so that a test cannot go on after it: assertions about what is thrown
// are left out, everything around them still runs.
#if !defined(__cpp_exceptions) && !defined(__EXCEPTIONS) && !defined(_CPPUNWIND)
#undef REQUIRE_THROWS
#undef REQUIRE_THROWS_AS
#undef REQUIRE_THROWS_WITH
#undef REQUIRE_THROWS_MATCHES
#undef REQUIRE_NOTHROW
#undef CHECK_THROWS
#undef CHECK_THROWS_AS
#undef CHECK_THROWS_WITH
#undef CHECK_THROWS_MATCHES
#undef CHECK_NOTHROW
#define REQUIRE_THROWS(...) static_cast<void>(0)
#define REQUIRE_THROWS_AS(...) static_cast<void>(0)
#define REQUIRE_THROWS_WITH(...) static_cast<void>(0)
#define REQUIRE_THROWS_MATCHES(...) static_cast<void>(0)
#define REQUIRE_NOTHROW(...) static_cast<void>(__VA_ARGS__)
#define CHECK_THROWS(...) static_cast<void>(0)
#define CHECK_THROWS_AS(...) static_cast<void>(0)
#define CHECK_THROWS_WITH(...) static_cast<void>(0)
#define CHECK_THROWS_MATCHES(...) static_cast<void>(0)
#define CHECK_NOTHROW(...) static_cast<void>(__VA_ARGS__)
#endif
