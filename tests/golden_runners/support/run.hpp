// The main function of a golden runner: every backend that the program was built with, one session each.
#pragma once

#include <cstdio>
#include <string>

#include <heddle/backend/reference.hpp>
#if defined(HEDDLE_GOLDEN_BACKEND_SIMD)
#include <heddle/backend/simd.hpp>
#endif
#include <heddle/io/bind.hpp>

#include "place.hpp"
#include "session.hpp"
#if defined(__CUDACC__)
#include "tests/support/missing_device.hpp"
#endif

// Without the build's definitions (a runner compiled by hand) the plain loops run.
#if !defined(HEDDLE_GOLDEN_BACKEND_SIMD) && !defined(HEDDLE_GOLDEN_BACKEND_REFERENCE) && !defined(HEDDLE_GOLDEN_BACKEND_CUDA)
#define HEDDLE_GOLDEN_BACKEND_REFERENCE
#endif

namespace heddle::golden {

namespace detail {

template <class Backend, class Run>
bool run_backend(const io::safetensors& file, const options& o, const char* name, std::size_t& ran, Run run) {
  if (!o.backend.empty() && o.backend != name) return true;
  ++ran;
  session s(file, o, name);
  run(Backend{}, s);
  return s.finish();
}

template <class Run>
int run_backends(const options& o, Run run) {
  const io::safetensors file(o.folder + "/io.safetensors");
  bool passed = true;
  std::size_t ran = 0;
#if defined(HEDDLE_GOLDEN_BACKEND_REFERENCE)
  passed = run_backend<reference>(file, o, "reference", ran, run) && passed;
#endif
#if defined(HEDDLE_GOLDEN_BACKEND_SIMD)
  passed = run_backend<simd>(file, o, "simd", ran, run) && passed;
#endif
#if defined(HEDDLE_GOLDEN_BACKEND_CUDA)
  passed = run_backend<cuda<>>(file, o, "cuda", ran, run) && passed;
#endif
  if (ran == 0) {
    std::fprintf(stderr, "this program was built without the backend %s\n", o.backend.c_str());
    return 1;
  }
  return passed ? 0 : 1;
}

}  // namespace detail

/// Runs `run(backend, session)` for every backend, compares, and returns the exit code of the program.
template <class Run>
int run_golden(int argc, char** argv, Run run) {
  const auto o = parse_options(argc, argv);
  if (!o) return 2;
#if defined(__CUDACC__)
  if (test::skipped_without_device()) return 0;
#endif
#if HEDDLE_HAS_EXCEPTIONS
  try {
    return detail::run_backends(*o, run);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "FAILED  %s\n", e.what());
    return 1;
  }
#else
  return detail::run_backends(*o, run);
#endif
}

/// Says what of the golden's configuration is not supported.
inline int refuse(const char* sentences) {
  std::fprintf(stderr, "FAILED  this configuration is not supported:\n  %s\n", sentences);
  return 1;
}

/// Binds `model` to the weights of the golden and prepares it for `Backend`.
template <class Backend, class Model>
void load_weights(Model& model, const session& s, const io::key_map& map) {
  const io::safetensors weights(s.folder() + "/weights.safetensors");
  io::bind<Backend>(model, weights, map);
}

}  // namespace heddle::golden
