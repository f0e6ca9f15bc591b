// Compositions of the crossed test against the definition: rows 42 to 47.
#include "attention/crossed/run.hpp"

TEST_CASE("crossed compositions 42 to 47") { heddle::test::crossed::run_rows<42, 6>(); }
