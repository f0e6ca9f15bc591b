/// @file
/// Errors of the library: one exception type per kind of misuse, raised through functions so that hot code holds no
/// string building and a build without exceptions calls a handler with the same sentence.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "../config.hpp"

namespace heddle::inline v0 {

/// Base of every exception that the library throws. `what()` is one sentence, or a report of one line per problem.
class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A run-time shape that does not fit: names the argument, the expected number and the one given.
class shape_error : public error {
 public:
  using error::error;
};

/// A workspace smaller than `workspace_bytes` says. Raised before anything is written.
class workspace_error : public error {
 public:
  using error::error;
};

/// Weights that do not match a model, or were not prepared for the backend that runs it.
class weight_error : public error {
 public:
  using error::error;
};

/// A file that cannot be read whole: truncated, hostile, or of an unknown kind.
class file_error : public error {
 public:
  using error::error;
};

namespace detail {

/// Without exceptions every error ends here. Define `HEDDLE_ERROR_HANDLER(message)` before including the library to do
/// something else than print and abort; it must not return.
[[noreturn]] HEDDLE_COLD inline void handle_error(const char* message) {
#if defined(HEDDLE_ERROR_HANDLER)
  HEDDLE_ERROR_HANDLER(message);
#endif
  std::fprintf(stderr, "heddle: %s\n", message);
  std::abort();
}

/// Throws `Error{message}`, or calls the handler where exceptions are off.
template <class Error>
[[noreturn]] HEDDLE_COLD void raise(const std::string& message) {
#if HEDDLE_HAS_EXCEPTIONS
  throw Error(message);
#else
  handle_error(message.c_str());
#endif
}

/// "argument: expected 48 what, got 47".
[[noreturn]] HEDDLE_COLD inline void raise_shape(const char* argument, const char* what, std::size_t expected,
                                                 std::size_t got) {
  raise<shape_error>(std::string(argument) + ": expected " + std::to_string(expected) + ' ' + what + ", got " +
                     std::to_string(got));
}

}  // namespace detail

/// Checks one number of a shape; `argument` and `what` name it in the message ("x: expected 48 channels, got 47").
constexpr void require_extent(const char* argument, const char* what, std::size_t expected, std::size_t got) {
  if (expected != got) detail::raise_shape(argument, what, expected, got);
}

}  // namespace heddle::inline v0
