#include <heddle/token/schedule.hpp>

#include "support/catch.hpp"

using namespace heddle;

namespace {
template <std::size_t N>
using counts = std::array<std::size_t, N>;
}

// As the official implementation resolves them.
static_assert(merge_schedule<4>(8) == counts<4>{8, 8, 8, 8});
static_assert(merge_schedule<4>(8, -1.0) == counts<4>{16, 10, 5, 0});
static_assert(merge_schedule<4>(8, 1.0) == counts<4>{0, 5, 10, 16});
static_assert(merge_schedule<4>(8, 0.5) == counts<4>{4, 6, 9, 12});
static_assert(merge_schedule<4>(16, -0.3) == counts<4>{20, 17, 14, 12});
static_assert(merge_schedule<12>(13) == counts<12>{13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13});
static_assert(merge_schedule<12>(8, -1.0) == counts<12>{16, 14, 13, 11, 10, 8, 7, 5, 4, 2, 1, 0});
static_assert(merge_schedule<12>(16, -0.3) == counts<12>{20, 19, 18, 17, 17, 16, 15, 14, 14, 13, 12, 12});
static_assert(merge_schedule<1>(8, 1.0) == counts<1>{0});
static_assert(merge_schedule<24>(8, 1.0) ==
              counts<24>{0, 0, 1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8, 9, 9, 10, 11, 11, 12, 13, 13, 14, 15, 16});

TEST_CASE("merge schedules are those of the official implementation") { CHECK(merge_schedule<2>(3, -1.0) == counts<2>{6, 0}); }
