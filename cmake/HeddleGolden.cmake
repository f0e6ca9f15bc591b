# Goldens: folders with config.json, weights.safetensors and io.safetensors, recorded from a reference implementation.
#
# `system` in config.json names the runner: tests/golden_runners/<system>.cpp, and beside it <system>.cmake with
#   function(heddle_golden_config_<system, - replaced by _> json out)
# which turns the text of config.json into the text of a header. The runner includes it as "golden_config.hpp" and so has
# the configuration at compile time. Another configuration of a known system needs a folder and no C++.
#
# A runner is built once per instruction set. HEDDLE_GOLDEN_BACKEND_SIMD is defined where heddle::simd is linked,
# HEDDLE_GOLDEN_BACKEND_REFERENCE in the baseline program, which runs both. Its argument is the golden's folder.
#
# The systems of heddle_golden_cuda_systems that HEDDLE_TEST_GOLDENS_DEVICE names are also built with
# HEDDLE_GOLDEN_BACKEND_CUDA alone: the device's kernels, emulated (golden/<name>.cuda).

set(HEDDLE_GOLDEN_DIRS "${PROJECT_SOURCE_DIR}/tests/golden" CACHE STRING
  "Goldens: folders that hold a golden, or that hold folders of goldens")

set(HEDDLE_TEST_GOLDENS "" CACHE STRING
  "Regular expression: only goldens whose names match it are built (but on the emulated device); all if empty")

set(HEDDLE_TEST_GOLDENS_EVERYWHERE "" CACHE STRING
  "Regular expression: goldens that run on every instruction set of HEDDLE_TEST_ISAS, others on the first and the last; all if empty")

# Systems whose runners put their inputs where a device reads them.
set(heddle_golden_cuda_systems ats decoupled-attention evad longvlm maxsr maxvit maxvit-rmlp mixformer-vit mixformerv2 ngswin resample romtrack simmim
    swin-transformer-v2 tome vits14-saliency vittrack)

# Each costs as much as four host goldens: the suite runs these, the others on request.
set(heddle_usual_device_goldens "^(evad|maxsr|maxvit|maxvit-rmlp|mixformerv2|resample|swin-transformer-v2)$")
set(HEDDLE_TEST_GOLDENS_DEVICE "" CACHE STRING
  "Regular expression: systems whose goldens run on the emulated device; `.` for all that can, a usual choice if empty")

set(HEDDLE_TEST_GOLDENS_OPTIMISED "" CACHE STRING
  "Regular expression: goldens (name.isa) that are compiled with -O1 whatever flags the others have; none if empty")

# Every folder with a config.json: an entry itself, or the folders inside it.
function(heddle_find_goldens out)
  set(found "")
  # A bar separates as a semicolon does, and survives being passed on from one CMake to another.
  string(REPLACE "|" ";" entries "${HEDDLE_GOLDEN_DIRS}")
  foreach(entry IN LISTS entries)
    get_filename_component(entry "${entry}" ABSOLUTE BASE_DIR "${PROJECT_SOURCE_DIR}")
    if(EXISTS "${entry}/config.json")
      list(APPEND found "${entry}")
      continue()
    endif()
    file(GLOB configs CONFIGURE_DEPENDS "${entry}/*/config.json")
    if(NOT configs AND NOT entry STREQUAL "${PROJECT_SOURCE_DIR}/tests/golden")
      message(WARNING "HEDDLE_GOLDEN_DIRS: ${entry} holds no config.json, neither itself nor in its folders")
    endif()
    foreach(config IN LISTS configs)
      get_filename_component(folder "${config}" DIRECTORY)
      list(APPEND found "${folder}")
    endforeach()
  endforeach()
  list(REMOVE_DUPLICATES found)
  set(${out} "${found}" PARENT_SCOPE)
endfunction()

# The runner of one golden for one instruction set.
function(heddle_add_golden_program name isa folder system generated)
  set(options "")
  set(definitions "")
  if(TARGET heddle::simd)
    list(APPEND options SIMD)
    list(APPEND definitions HEDDLE_GOLDEN_BACKEND_SIMD)
  endif()
  # What runs under emulation is there for its vectors: the reference backend is the same everywhere.
  if(isa STREQUAL "baseline" AND NOT (CMAKE_CROSSCOMPILING AND TARGET heddle::simd))
    list(APPEND definitions HEDDLE_GOLDEN_BACKEND_REFERENCE)
  endif()
  set(target "golden.${name}.${isa}")
  set(optimised no)
  if(HEDDLE_TEST_GOLDENS_OPTIMISED AND "${name}.${isa}" MATCHES "${HEDDLE_TEST_GOLDENS_OPTIMISED}")
    set(optimised yes)
  endif()
  if(NOT optimised)
    list(APPEND options PRECOMPILED)   # whose flags must be the same
  endif()
  heddle_test_executable("${target}" ${isa} ${options} OPENMP CROSSED
    SOURCES "${PROJECT_SOURCE_DIR}/tests/golden_runners/${system}.cpp" DEFINITIONS ${definitions})
  target_include_directories("${target}" PRIVATE "${generated}" "${PROJECT_SOURCE_DIR}/tests/golden_runners")
  if(optimised)
    target_compile_options("${target}" PRIVATE -O1)
  endif()
  heddle_isa_missing(${isa} missing)
  if(missing)
    heddle_add_skipped("golden/${name}.${isa}" "this processor has no ${missing}" LABELS golden)
  else()
    heddle_add_ctest("golden/${name}.${isa}" LABELS golden COMMAND "${target}" "${folder}")
  endif()
endfunction()

# The runner of one golden on the emulated device. It needs no vectors of the processor, but one optimisation level.
function(heddle_add_golden_cuda_program name folder system generated)
  if(NOT "cuda" IN_LIST HEDDLE_TEST_KINDS OR NOT system IN_LIST heddle_golden_cuda_systems OR WIN32 OR CMAKE_CROSSCOMPILING)
    return()
  endif()
  set(chosen "${HEDDLE_TEST_GOLDENS_DEVICE}")
  if(chosen STREQUAL "")
    set(chosen "${heddle_usual_device_goldens}")
  endif()
  if(NOT system MATCHES "${chosen}")
    return()
  endif()
  set(target "golden.${name}.cuda")
  heddle_test_executable("${target}" baseline CUDA PRECOMPILED
    SOURCES "${PROJECT_SOURCE_DIR}/tests/golden_runners/${system}.cpp" DEFINITIONS HEDDLE_GOLDEN_BACKEND_CUDA)
  target_include_directories("${target}" PRIVATE "${generated}" "${PROJECT_SOURCE_DIR}/tests/golden_runners")
  heddle_add_ctest("golden/${name}.cuda" LABELS golden cuda COMMAND "${target}" "${folder}")
endfunction()

# The same runner as a CUDA source, for the device that is there (golden/<name>.on_device; kind `device`, with HEDDLE_CUDA=ON).
function(heddle_add_golden_device_program name folder system generated)
  if(NOT "device" IN_LIST HEDDLE_TEST_KINDS OR NOT HEDDLE_CUDA OR NOT system IN_LIST heddle_golden_cuda_systems)
    return()
  endif()
  set(target "golden.${name}.on_device")
  heddle_device_executable("${target}" "${PROJECT_SOURCE_DIR}/tests/golden_runners/${system}.cpp")
  target_compile_definitions("${target}" PRIVATE HEDDLE_GOLDEN_BACKEND_CUDA)
  target_include_directories("${target}" PRIVATE "${generated}" "${PROJECT_SOURCE_DIR}/tests/golden_runners")
  heddle_add_device_ctest("golden/${name}.on_device" LABELS golden device COMMAND "${target}" "${folder}")
endfunction()

# Reads one folder; sets `unknown` to a line when there is no runner for it.
function(heddle_add_golden name folder out_unknown)
  set(${out_unknown} "" PARENT_SCOPE)
  set(config "${folder}/config.json")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${config}")
  file(READ "${config}" json)
  string(JSON system ERROR_VARIABLE error GET "${json}" system)
  if(error)
    set(${out_unknown} "${folder}: config.json names no system (${error})" PARENT_SCOPE)
    return()
  endif()
  set(runner "${PROJECT_SOURCE_DIR}/tests/golden_runners/${system}")
  if(NOT EXISTS "${runner}.cpp" OR NOT EXISTS "${runner}.cmake")
    set(${out_unknown} "${folder}: no runner for system \"${system}\"" PARENT_SCOPE)
    return()
  endif()

  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${runner}.cmake")
  include("${runner}.cmake")
  string(REGEX REPLACE "[^A-Za-z0-9_]" "_" function "heddle_golden_config_${system}")
  if(NOT COMMAND ${function})
    message(FATAL_ERROR "${runner}.cmake does not define ${function}(json out)")
  endif()
  cmake_language(CALL ${function} "${json}" header)
  set(generated "${CMAKE_CURRENT_BINARY_DIR}/golden/${name}")
  # Written only when it changes, so that a second configuration compiles nothing.
  file(CONFIGURE OUTPUT "${generated}/golden_config.hpp" CONTENT "@header@" @ONLY)

  set(chosen no)
  if(NOT HEDDLE_TEST_GOLDENS OR name MATCHES "${HEDDLE_TEST_GOLDENS}")
    set(chosen yes)
  endif()
  if(chosen)
    heddle_add_golden_device_program("${name}" "${folder}" "${system}" "${generated}")
  endif()
  if(NOT "golden" IN_LIST HEDDLE_TEST_KINDS)
    return()
  endif()
  heddle_add_golden_cuda_program("${name}" "${folder}" "${system}" "${generated}")
  if(NOT chosen)
    return()
  endif()
  set(isas baseline)
  if(TARGET heddle::simd)
    set(isas ${heddle_test_isas})
  endif()
  if(HEDDLE_TEST_GOLDENS_EVERYWHERE AND NOT name MATCHES "${HEDDLE_TEST_GOLDENS_EVERYWHERE}")
    list(GET isas 0 first)
    list(GET isas -1 best)
    set(isas ${first} ${best})
    list(REMOVE_DUPLICATES isas)
  endif()
  foreach(isa IN LISTS isas)
    heddle_add_golden_program("${name}" ${isa} "${folder}" "${system}" "${generated}")
  endforeach()
endfunction()

function(heddle_add_goldens)
  if(NOT "golden" IN_LIST HEDDLE_TEST_KINDS AND NOT "device" IN_LIST HEDDLE_TEST_KINDS)
    return()
  endif()
  heddle_find_goldens(folders)
  set(names "")
  set(unknown "")
  foreach(folder IN LISTS folders)
    get_filename_component(name "${folder}" NAME)
    string(REGEX REPLACE "[^A-Za-z0-9_.+-]" "_" name "${name}")
    # Two folders of one name (from two places) are told apart by a number.
    set(unique "${name}")
    set(number 2)
    while(unique IN_LIST names)
      set(unique "${name}_${number}")
      math(EXPR number "${number} + 1")
    endwhile()
    list(APPEND names "${unique}")
    heddle_add_golden("${unique}" "${folder}" line)
    if(line)
      string(APPEND unknown "\n  ${line}")
    endif()
  endforeach()
  if(unknown)
    message(WARNING "Goldens that cannot be run:${unknown}")
  endif()
endfunction()
