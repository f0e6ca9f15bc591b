// The main of test programs that run on a device: where there is none they say so and pass as skipped.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_session.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#endif

bool heddle_skipped_without_device();  // missing_device.cu: the runtime's headers are for the device's compiler

int main(int argc, char** argv) { return heddle_skipped_without_device() ? 0 : Catch::Session().run(argc, argv); }
