# Install, export, pkg-config and packages. Everything is architecture-independent: headers and a few text files.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

target_include_directories(heddle INTERFACE "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")

# Both include roots go into one folder, where their spellings (<heddle/...>) are those of the build tree.
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/heddle" "${PROJECT_SOURCE_DIR}/kernels/heddle"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT headers
  FILES_MATCHING PATTERN "*.hpp" PATTERN "*.cuh")

set(package_dir "${CMAKE_INSTALL_DATADIR}/cmake/heddle")
install(TARGETS heddle EXPORT heddle_core COMPONENT headers)
install(EXPORT heddle_core NAMESPACE heddle:: FILE heddle-core-targets.cmake DESTINATION "${package_dir}" COMPONENT headers)
# One export set per component: a consumer of the reference backend needs none of the others' dependencies. The simd and
# openmp targets are written by hand in the configuration file, because whether their packages are installed is known
# on the consumer's machine and not here.
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/heddle-config.cmake.in"
  "${PROJECT_BINARY_DIR}/heddle-config.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/heddle-config-version.cmake"
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES
  "${PROJECT_BINARY_DIR}/heddle-config.cmake" "${PROJECT_BINARY_DIR}/heddle-config-version.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/HeddleDependencies.cmake"
  DESTINATION "${package_dir}" COMPONENT headers)

foreach(name heddle heddle-simd)
  configure_file("${PROJECT_SOURCE_DIR}/cmake/${name}.pc.in" "${PROJECT_BINARY_DIR}/${name}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${name}.pc" DESTINATION "${CMAKE_INSTALL_DATADIR}/pkgconfig" COMPONENT headers)
endforeach()
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}" RENAME copyright COMPONENT headers)

set(CPACK_PACKAGE_NAME libheddle-dev)
set(CPACK_PACKAGE_VENDOR "The Heddle authors")
set(CPACK_PACKAGE_CONTACT "The Heddle authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_FILE_NAME "heddle-${PROJECT_VERSION}")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_GENERATOR TGZ DEB)
# Only the headers: a package of the library has none of the example programs.
set(CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};heddle;headers;/")
set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "${CPACK_PACKAGE_CONTACT} <heddle@localhost>")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "libxsimd-dev (>= 8.1), libeigen3-dev (>= 3.4)")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_STRIP_FILES OFF)
include(CPack)
