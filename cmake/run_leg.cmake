# cmake -DSOURCE=... -DPRESET=... -P run_leg.cmake: configure, build and test one preset, quiet unless it fails.
cmake_minimum_required(VERSION 3.22)
cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)

function(step what)
  string(TIMESTAMP start "%s" UTC)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY "${SOURCE}"
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  string(TIMESTAMP end "%s" UTC)
  math(EXPR seconds "${end} - ${start}")
  if(NOT status EQUAL 0)
    # Printed as it is: an error message of CMake would be wrapped.
    message("${output}")
    message(FATAL_ERROR "${PRESET}: ${what} failed after ${seconds} s")
  endif()
  message(STATUS "${PRESET}: ${what} took ${seconds} s")
  set(output "${output}" PARENT_SCOPE)
endfunction()

step(configure "${CMAKE_COMMAND}" --preset ${PRESET} --no-warn-unused-cli "-DHEDDLE_GOLDEN_DIRS=${GOLDEN_DIRS}" "-DHEDDLE_DATA_DIR=${DATA_DIR}"
  "-DHEDDLE_CATCH_MAIN=${CATCH_MAIN}")
step(build "${CMAKE_COMMAND}" --build --preset ${PRESET} --parallel ${cores} -- -k 0)
get_filename_component(bin "${CMAKE_COMMAND}" DIRECTORY)
find_program(ctest ctest HINTS "${bin}" REQUIRED)
step(test "${ctest}" --preset ${PRESET} --parallel ${cores})
string(FIND "${output}" "% tests passed" position)
if(position EQUAL -1)
  message(FATAL_ERROR "${PRESET}: no test was run\n${output}")
endif()
math(EXPR position "${position} - 3")
string(SUBSTRING "${output}" ${position} -1 summary)
message(STATUS "${PRESET}: ${summary}")
