// Compositions of the crossed test on a device, emulated: rows 27, 40, 51.
#include "tests/kernels/cuda/attend_crossed.hpp"

TEST_CASE("attend cuda crossed: rows 27, 40, 51") { heddle::test::crossed::run_rows_on_device<3, 27, 40, 51>(); }
