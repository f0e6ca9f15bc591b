# heddle_add_test and what it needs. Every test program is one executable of several files; ctest sees one test per file.

# Catch2 3 is a library; Catch2 2 is one header, whose main is compiled here so that a cross build needs no package for
# its target.
add_library(heddle_catch_main OBJECT "${PROJECT_SOURCE_DIR}/tests/support/catch_main.cpp")
if(NOT MSVC)
  target_compile_options(heddle_catch_main PRIVATE -O0)
endif()
find_package(Catch2 3 QUIET)
if(Catch2_FOUND)
  target_link_libraries(heddle_catch_main PUBLIC Catch2::Catch2WithMain)
else()
  find_path(HEDDLE_CATCH2_INCLUDE_DIR catch2/catch.hpp)
  if(NOT HEDDLE_CATCH2_INCLUDE_DIR)
    message(FATAL_ERROR "Catch2 was not found: install it (Debian: catch2) or set HEDDLE_BUILD_TESTS=OFF")
  endif()
  target_include_directories(heddle_catch_main SYSTEM PUBLIC "${HEDDLE_CATCH2_INCLUDE_DIR}")
  target_compile_features(heddle_catch_main PUBLIC cxx_std_20)
endif()

set(HEDDLE_DATA_DIR "" CACHE PATH "Folder with the photographs and checkpoints that some tests read; they skip without it")
set(HEDDLE_TEST_KINDS unit simd golden CACHE STRING "Which of these kinds of test programs are built")
set(HEDDLE_UNIT_TEST_FLAGS "" CACHE STRING
  "Compiler flags of the unit tests and of the baseline simd tests alone, as -O1 to build them faster")
set(HEDDLE_TEST_TIMEOUT 600 CACHE STRING "Seconds after which one test counts as hung")

set(heddle_skip_line "HEDDLE-SKIPPED:")

# heddle_add_ctest(name [LABELS ...] COMMAND ...): add_test with the environment and the limits that all tests share.
function(heddle_add_ctest name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LABELS;COMMAND")
  add_test(NAME "${name}" COMMAND ${arg_COMMAND} COMMAND_EXPAND_LISTS)
  set(environment "LC_ALL=C" "UBSAN_OPTIONS=print_stacktrace=1" "OMP_NUM_THREADS=2")
  if(HEDDLE_DATA_DIR)
    list(APPEND environment "HEDDLE_DATA_DIR=${HEDDLE_DATA_DIR}")
  endif()
  set_tests_properties("${name}" PROPERTIES
    LABELS "${arg_LABELS}" TIMEOUT ${HEDDLE_TEST_TIMEOUT} ENVIRONMENT "${environment}")
endfunction()

# A test that cannot run here: ctest lists it as skipped, with one line that says why.
function(heddle_add_skipped name reason)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "LABELS")
  add_test(NAME "${name}" COMMAND "${CMAKE_COMMAND}" -E echo "${heddle_skip_line} ${reason}")
  set_tests_properties("${name}" PROPERTIES LABELS "${arg_LABELS}" SKIP_REGULAR_EXPRESSION "${heddle_skip_line}")
endfunction()

function(heddle_test_executable target isa)
  cmake_parse_arguments(PARSE_ARGV 2 arg "SIMD;OPENMP" "" "LINK;SOURCES;DEFINITIONS")
  add_executable("${target}" ${arg_SOURCES})
  if(arg_SIMD)
    target_link_libraries("${target}" PRIVATE heddle::simd)
  else()
    target_link_libraries("${target}" PRIVATE heddle::heddle)
  endif()
  if(arg_OPENMP AND TARGET heddle::openmp)
    target_link_libraries("${target}" PRIVATE heddle::openmp)
  endif()
  target_link_libraries("${target}" PRIVATE ${arg_LINK} heddle_build_flags)
  target_compile_options("${target}" PRIVATE ${heddle_isa_flags_${isa}})
  target_compile_definitions("${target}" PRIVATE ${arg_DEFINITIONS})
  target_include_directories("${target}" PRIVATE
    "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/tests" "${PROJECT_SOURCE_DIR}/examples")
endfunction()

# heddle_add_test(name sources... [SIMD] [OPENMP] [ISAS ...] [LABELS ...] [LINK ...])
# One program from Catch2 sources, linked to heddle::heddle; ctest gets one test `name/<file>` per source. With SIMD the
# program is linked to heddle::simd and built once per instruction set of HEDDLE_TEST_ISAS (`name.<isa>/<file>`), and run
# where the processor has that set; ISAS names sets besides those. OPENMP also links heddle::openmp.
function(heddle_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SIMD;OPENMP" "" "ISAS;LABELS;LINK")
  set(sources "${arg_UNPARSED_ARGUMENTS}")
  if((arg_SIMD AND NOT "simd" IN_LIST HEDDLE_TEST_KINDS) OR (NOT arg_SIMD AND NOT "unit" IN_LIST HEDDLE_TEST_KINDS))
    return()
  endif()
  set(isas baseline)
  set(options "")
  if(arg_OPENMP)
    list(APPEND options OPENMP)
  endif()
  if(arg_SIMD)
    if(NOT TARGET heddle::simd)
      heddle_add_skipped("${name}" "heddle::simd is not available" LABELS ${arg_LABELS})
      return()
    endif()
    list(APPEND options SIMD)
    set(isas ${HEDDLE_TEST_ISAS} ${arg_ISAS})
  endif()
  foreach(isa IN LISTS isas)
    set(test "${name}")
    if(arg_SIMD)
      set(test "${name}.${isa}")
    endif()
    string(REPLACE "/" "." target "test_${test}")
    heddle_test_executable("${target}" ${isa} ${options} LINK heddle_catch_main ${arg_LINK} SOURCES ${sources})
    # The best instruction sets are tested as users compile them, the others with less optimisation.
    if(isa MATCHES "^(baseline|avx2)$")
      target_compile_options("${target}" PRIVATE ${HEDDLE_UNIT_TEST_FLAGS})
    endif()
    heddle_isa_missing(${isa} missing)
    foreach(source IN LISTS sources)
      get_filename_component(file "${source}" NAME_WE)
      if(NOT file MATCHES "_test$")
        continue()
      endif()
      if(missing)
        heddle_add_skipped("${test}/${file}" "this processor has no ${missing}" LABELS ${arg_LABELS})
      else()
        heddle_add_ctest("${test}/${file}" LABELS ${arg_LABELS}
          COMMAND "${target}" --filenames-as-tags "[#${file}]" ${heddle_catch_arguments})
      endif()
    endforeach()
  endforeach()
endfunction()

# A file without a test case must not pass. Catch2 3 fails then by itself.
if(Catch2_FOUND)
  set(heddle_catch_arguments "")
else()
  set(heddle_catch_arguments --warn NoTests)
endif()

# ctest arguments that give a compiler the include paths of a target. Paths are passed as -I, not -isystem: a standard
# folder given as -isystem would reorder the standard search list.
function(heddle_compile_arguments out)
  set(target heddle)
  if(TARGET heddle_simd)
    set(target heddle_simd)
  endif()
  set(paths "$<TARGET_PROPERTY:${target},INTERFACE_INCLUDE_DIRECTORIES>")
  set(${out} ${CMAKE_CXX20_STANDARD_COMPILE_OPTION} "$<$<BOOL:${paths}>:-I$<JOIN:${paths},$<SEMICOLON>-I>>" PARENT_SCOPE)
endfunction()

# A test that builds a target which the default build leaves out. One at a time: two builds of one tree get in each
# other's way.
function(heddle_add_build_test name target)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "LABELS")
  cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)
  heddle_add_ctest("${name}" LABELS ${arg_LABELS}
    COMMAND "${CMAKE_COMMAND}" --build "${CMAKE_BINARY_DIR}" --config $<CONFIG> --target "${target}" --parallel ${cores})
  set_tests_properties("${name}" PROPERTIES RUN_SERIAL TRUE RESOURCE_LOCK heddle_build_tree)
endfunction()
