// Compositions of the crossed test against the definition: rows 30 to 35.
#include "attention/crossed/run.hpp"

TEST_CASE("crossed compositions 30 to 35") { heddle::test::crossed::run_rows<30, 6>(); }
