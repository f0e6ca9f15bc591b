# Installs into an empty prefix and builds three tiny projects that are not part of this build: find_package,
# pkg-config, add_subdirectory. A second test makes both packages and looks into them.
function(heddle_add_install_test)
  if(NOT HEDDLE_INSTALL OR CMAKE_CROSSCOMPILING)
    return()
  endif()
  foreach(kind consume package)
    heddle_add_ctest("install/${kind}" LABELS static install
      COMMAND "${CMAKE_COMMAND}" "-DSOURCE=${PROJECT_SOURCE_DIR}" "-DBUILD=${PROJECT_BINARY_DIR}"
        "-DWORK=${CMAKE_CURRENT_BINARY_DIR}/install_${kind}" "-DVERSION=${PROJECT_VERSION}"
        "-DCXX=${CMAKE_CXX_COMPILER}" "-DGENERATOR=${CMAKE_GENERATOR}" "-DSIMD=$<TARGET_EXISTS:heddle::simd>"
        -P "${PROJECT_SOURCE_DIR}/tests/install/${kind}.cmake")
  endforeach()
endfunction()
