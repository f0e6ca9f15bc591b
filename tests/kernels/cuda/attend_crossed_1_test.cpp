// Compositions of the crossed test on a device, emulated: rows 4, 22, 37.
#include "tests/kernels/cuda/attend_crossed.hpp"

TEST_CASE("attend cuda crossed: rows 4, 22, 37") { heddle::test::crossed::run_rows_on_device<3, 4, 22, 37>(); }
