// Compositions of the crossed test against the definition: rows 36 to 41.
#include "attention/crossed/run.hpp"

TEST_CASE("crossed compositions 36 to 41") { heddle::test::crossed::run_rows<36, 6>(); }
