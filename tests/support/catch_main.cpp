// The main of every test program. Catch2 3 brings its own in a library; Catch2 2 is one header, compiled here once.
#if !__has_include(<catch2/catch_all.hpp>)  // both may be installed: the tests then include that of Catch2 3
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif
