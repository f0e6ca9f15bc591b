// For `device_main.cpp`, which the host's compiler compiles.
#include "tests/support/missing_device.hpp"

bool heddle_skipped_without_device() { return heddle::test::skipped_without_device(); }
