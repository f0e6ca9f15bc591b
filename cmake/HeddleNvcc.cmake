# Compiles every tests/nvcc/*.cu with nvcc where it is installed: policies must be callable from device code.
function(heddle_add_nvcc_tests folder)
  file(GLOB sources CONFIGURE_DEPENDS "${folder}/*.cu")
  if(NOT sources)
    return()
  endif()
  find_program(HEDDLE_NVCC nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH PATHS /usr/local/cuda PATH_SUFFIXES bin)
  foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME_WE)
    if(HEDDLE_NVCC)
      heddle_add_ctest("nvcc/${name}" LABELS static nvcc
        COMMAND "${HEDDLE_NVCC}" -std=c++20 -arch=sm_80 --expt-relaxed-constexpr -Werror all-warnings
          "-I${PROJECT_SOURCE_DIR}/include" "-I${PROJECT_SOURCE_DIR}/kernels"
          -c "${source}" -o "${CMAKE_CURRENT_BINARY_DIR}/nvcc_${name}.o")
    else()
      heddle_add_skipped("nvcc/${name}" "nvcc was not found" LABELS static nvcc)
    endif()
  endforeach()
endfunction()
