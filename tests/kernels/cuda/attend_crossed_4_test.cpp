// Compositions of the crossed test on a device, emulated: rows 26, 38, 49.
#include "tests/kernels/cuda/attend_crossed.hpp"

TEST_CASE("attend cuda crossed: rows 26, 38, 49") { heddle::test::crossed::run_rows_on_device<3, 26, 38, 49>(); }
