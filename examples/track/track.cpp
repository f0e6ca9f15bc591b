// track: follows one object through a video.

#include <cstdio>
#include <new>

#include "../common/atomic_file.hpp"
#include "../common/user_error.hpp"
#include "run.hpp"

int main(int argc, char** argv) {
  try {
    examples::remove_temporary_on_signals();
    track_app::options o;
    if (const auto code = track_app::parse(o, argc, argv)) {
      return *code;
    }
    track_app::run(o);
    return 0;
  } catch (const examples::user_error& error) {
    std::fprintf(stderr, "track: %s\n", error.what());
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "track: not enough memory for these frames\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "track: unexpected error: %s\n", error.what());
  }
  return examples::user_error_exit_code;
}
