# Compiles every tests/nvcc/*.cu with nvcc, where it is installed, for sm_80 and sm_90a, and holds the kernels to the budgets
# that the file states (registers, spills, instructions): see nvcc_budget.py. Without Python the files are only compiled.
set(HEDDLE_DISASSEMBLER "" CACHE FILEPATH "cuobjdump or nvdisasm for tests/nvcc; empty: found beside nvcc, on the path or in a Python package")
set(heddle_nvcc_budget "${CMAKE_CURRENT_LIST_DIR}/nvcc_budget.py")

function(heddle_add_nvcc_tests folder)
  file(GLOB sources CONFIGURE_DEPENDS "${folder}/*.cu")
  if(NOT sources)
    return()
  endif()
  find_program(HEDDLE_NVCC nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH PATHS /usr/local/cuda PATH_SUFFIXES bin)
  find_package(Python3 COMPONENTS Interpreter QUIET)
  set(flags "-I${PROJECT_SOURCE_DIR}/include" "-I${PROJECT_SOURCE_DIR}/kernels")
  set(output "${CMAKE_CURRENT_BINARY_DIR}/nvcc")
  foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME_WE)
    if(NOT HEDDLE_NVCC)
      heddle_add_skipped("nvcc/${name}" "nvcc was not found" LABELS static nvcc)
    elseif(Python3_Interpreter_FOUND)
      set(disassembler)
      if(HEDDLE_DISASSEMBLER)
        set(disassembler --disassembler "${HEDDLE_DISASSEMBLER}")
      endif()
      heddle_add_ctest("nvcc/${name}" LABELS static nvcc
        COMMAND "${Python3_EXECUTABLE}" "${heddle_nvcc_budget}" --nvcc "${HEDDLE_NVCC}" --output "${output}" ${disassembler} "${source}" ${flags})
    else()
      file(MAKE_DIRECTORY "${output}")
      heddle_add_ctest("nvcc/${name}" LABELS static nvcc
        COMMAND "${HEDDLE_NVCC}" -std=c++20 -arch=sm_90a --expt-relaxed-constexpr -Werror all-warnings ${flags}
          -c "${source}" -o "${output}/${name}.o")
    endif()
  endforeach()
  # Files in must_fail exceed their budgets: the check must say so.
  if(HEDDLE_NVCC AND Python3_Interpreter_FOUND)
    file(GLOB sources CONFIGURE_DEPENDS "${folder}/must_fail/*.cu")
    foreach(source IN LISTS sources)
      get_filename_component(name "${source}" NAME_WE)
      heddle_add_ctest("nvcc/must_fail/${name}" LABELS static nvcc
        COMMAND "${Python3_EXECUTABLE}" "${heddle_nvcc_budget}" --nvcc "${HEDDLE_NVCC}" --output "${output}/must_fail" "${source}" ${flags})
      set_tests_properties("nvcc/must_fail/${name}" PROPERTIES
        PASS_REGULAR_EXPRESSION "registers is [0-9]+, wanted <=1:.*shared is 512, wanted <=511:.*no kernel of sm_80 has 'no_such_kernel'")
    endforeach()
  endif()
endfunction()
