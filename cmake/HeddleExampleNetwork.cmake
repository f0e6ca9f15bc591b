# The networks of the programs in examples/: a translation unit of their own, made for the machine that builds it.
include(CheckCXXCompilerFlag)
check_cxx_compiler_flag(-march=native heddle_has_march_native)
set(HEDDLE_NATIVE_FLAGS "")
if(heddle_has_march_native AND NOT CMAKE_CROSSCOMPILING)
  set(HEDDLE_NATIVE_FLAGS -march=native)
endif()

# heddle_add_network(<name> <library of the program> [<compiler flag>...])
# The library <name> from network.cpp and, where there is CUDA, network_cuda.cu of the current folder.
function(heddle_add_network name app)
  add_library(${name} STATIC network.cpp)
  target_compile_options(${name} PRIVATE ${ARGN})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/examples")
  target_link_libraries(${name} PUBLIC ${app} PRIVATE heddle::simd heddle_build_flags)
  if(HEDDLE_CUDA)   # --backend cuda
    add_library(${name}_cuda STATIC network_cuda.cu)
    target_include_directories(${name}_cuda PRIVATE "${PROJECT_SOURCE_DIR}/examples")
    target_link_libraries(${name}_cuda PUBLIC ${app} PRIVATE heddle::cuda)
    target_link_libraries(${name} PRIVATE ${name}_cuda)
    target_compile_definitions(${name} PRIVATE HEDDLE_NETWORK_CUDA)
  endif()
endfunction()
