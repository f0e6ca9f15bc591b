// Compositions of the crossed test against the definition: rows 0 to 5.
#include "attention/crossed/run.hpp"

TEST_CASE("crossed compositions 0 to 5") { heddle::test::crossed::run_rows<0, 6>(); }
