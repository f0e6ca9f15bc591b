// Compositions of the crossed test against the definition: rows 48 to 52.
#include "attention/crossed/run.hpp"

TEST_CASE("crossed compositions 48 to 52") { heddle::test::crossed::run_rows<48, 6>(); }
