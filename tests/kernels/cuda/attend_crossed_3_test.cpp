// Compositions of the crossed test on a device, emulated: rows 19, 24, 32.
#include "tests/kernels/cuda/attend_crossed.hpp"

TEST_CASE("attend cuda crossed: rows 19, 24, 32") { heddle::test::crossed::run_rows_on_device<3, 19, 24, 32>(); }
