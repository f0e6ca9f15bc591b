// Compositions of the crossed test against the definition: rows 24 to 29.
#include "attention/crossed/run.hpp"

TEST_CASE("crossed compositions 24 to 29") { heddle::test::crossed::run_rows<24, 6>(); }
