// Compositions of the crossed test against the definition: rows 6 to 11.
#include "attention/crossed/run.hpp"

TEST_CASE("crossed compositions 6 to 11") { heddle::test::crossed::run_rows<6, 6>(); }
