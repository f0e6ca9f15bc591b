# The other presets as tests of this tree, so that one ctest run with one summary covers every compiler and mode. A leg
# configures, builds and tests in its own folder below build/ and is re-used by the next run.
function(heddle_add_legs)
  find_program(HEDDLE_CLANG clang++)
  find_program(HEDDLE_AARCH64_CXX aarch64-linux-gnu-g++)
  find_program(HEDDLE_QEMU_AARCH64 NAMES qemu-aarch64 qemu-aarch64-static)
  string(REPLACE ";" "|" golden_dirs "${HEDDLE_GOLDEN_DIRS}")
  set(legs debug clang asan no-exceptions aarch64)
  foreach(leg IN LISTS legs)
    set(missing "")
    if(leg MATCHES "^(clang|asan|no-exceptions)$" AND NOT HEDDLE_CLANG)
      set(missing "clang++ was not found")
    elseif(leg STREQUAL "aarch64" AND NOT HEDDLE_AARCH64_CXX)
      set(missing "aarch64-linux-gnu-g++ was not found")
    elseif(leg STREQUAL "aarch64" AND NOT HEDDLE_QEMU_AARCH64)
      set(missing "qemu-aarch64 was not found")
    endif()
    if(missing)
      heddle_add_skipped("leg/${leg}" "${missing}" LABELS leg)
      continue()
    endif()
    # Catch2's main takes a leg ten seconds to compile: where it can be linked, this tree's is used.
    set(catch_main "")
    if(leg MATCHES "^(debug|clang|asan|no-exceptions)$" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT HEDDLE_CATCH_MAIN)
      set(catch_main "$<TARGET_OBJECTS:heddle_catch_main>")
    endif()
    heddle_add_ctest("leg/${leg}" LABELS leg
      COMMAND "${CMAKE_COMMAND}" "-DSOURCE=${PROJECT_SOURCE_DIR}" "-DPRESET=${leg}"
        "-DGOLDEN_DIRS=${golden_dirs}" "-DDATA_DIR=${HEDDLE_DATA_DIR}" "-DCATCH_MAIN=${catch_main}"
        -P "${PROJECT_SOURCE_DIR}/cmake/run_leg.cmake")
    # A leg uses every core itself.
    set_tests_properties("leg/${leg}" PROPERTIES RUN_SERIAL TRUE TIMEOUT 2400)
  endforeach()
endfunction()
