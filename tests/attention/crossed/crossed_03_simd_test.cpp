// Compositions of the crossed test against the definition: rows 12 to 17.
#include "attention/crossed/run.hpp"

TEST_CASE("crossed compositions 12 to 17") { heddle::test::crossed::run_rows<12, 6>(); }
