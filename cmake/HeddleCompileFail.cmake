# Must-not-compile tests, in pairs. Each source holds
#   #ifdef HEDDLE_MUST_FAIL ... #else ... #endif
# and one or more lines `// EXPECT: <regular expression>` (EXPECT-GNU, EXPECT-Clang: for one compiler). Without the macro
# it must compile, so that it fails for the right reason; with it, it must not, and the message must match every line.
function(heddle_add_compile_fail_tests folder)
  if(MSVC)
    return()
  endif()
  file(GLOB sources CONFIGURE_DEPENDS "${folder}/*.cpp")
  heddle_compile_arguments(arguments)
  foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME_WE)
    set(command "${CMAKE_CXX_COMPILER}" ${arguments} -fsyntax-only -Wall -Wextra)
    heddle_add_ctest("compile_fail/${name}.compiles" LABELS static compile_fail COMMAND ${command} "${source}")
    heddle_add_ctest("compile_fail/${name}.fails" LABELS static compile_fail
      COMMAND "${CMAKE_COMMAND}" "-DSOURCE=${source}" "-DCOMPILER_ID=${CMAKE_CXX_COMPILER_ID}"
        -P "${PROJECT_SOURCE_DIR}/tests/compile_fail/expect_failure.cmake"
        -- ${command} -DHEDDLE_MUST_FAIL "${source}")
  endforeach()
endfunction()
