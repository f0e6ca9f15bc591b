// Compositions of the crossed test on a device, emulated: rows 8, 15, 43.
#include "tests/kernels/cuda/attend_crossed.hpp"

TEST_CASE("attend cuda crossed: rows 8, 15, 43") { heddle::test::crossed::run_rows_on_device<3, 8, 15, 43>(); }
