// Compositions of the crossed test against the definition: rows 18 to 23.
#include "attention/crossed/run.hpp"

TEST_CASE("crossed compositions 18 to 23") { heddle::test::crossed::run_rows<18, 6>(); }
