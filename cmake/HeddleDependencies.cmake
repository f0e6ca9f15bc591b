# Finds what heddle::simd needs. Used by the build and, installed beside it, by the package configuration file.

# xsimd 8.1 to current releases. No version is asked for: the version file of xsimd accepts a single major version, so a
# range rejects 8.1.0. Sets `out` to a sentence when something is missing, else to nothing.
function(heddle_find_simd out)
  set(${out} "" PARENT_SCOPE)
  set(found_here "")
  foreach(target xsimd Eigen3::Eigen)
    if(NOT TARGET ${target})
      list(APPEND found_here ${target})
    endif()
  endforeach()

  find_package(xsimd QUIET)
  if(NOT xsimd_FOUND)
    set(${out} "xsimd was not found" PARENT_SCOPE)
    return()
  endif()
  if(xsimd_VERSION VERSION_LESS 8.1)
    set(${out} "xsimd ${xsimd_VERSION} is older than 8.1" PARENT_SCOPE)
    return()
  endif()
  if(NOT TARGET xsimd AND TARGET xsimd::xsimd)
    add_library(xsimd INTERFACE IMPORTED)
    target_link_libraries(xsimd INTERFACE xsimd::xsimd)
  endif()
  # Debian's package of xsimd 8 names `xtl` without bringing its target, which would become `-lxtl` on the link line.
  get_target_property(links xsimd INTERFACE_LINK_LIBRARIES)
  if(links AND "xtl" IN_LIST links AND NOT TARGET xtl)
    list(REMOVE_ITEM links xtl)
    set_target_properties(xsimd PROPERTIES INTERFACE_LINK_LIBRARIES "${links}")
  endif()

  # Eigen 5 refuses a request for 3.4 in the same way.
  find_package(Eigen3 QUIET NO_MODULE)
  if(NOT TARGET Eigen3::Eigen)
    set(${out} "Eigen was not found" PARENT_SCOPE)
    return()
  endif()
  if(Eigen3_VERSION VERSION_LESS 3.4)
    set(${out} "Eigen ${Eigen3_VERSION} is older than 3.4" PARENT_SCOPE)
    return()
  endif()
  # Imported targets are visible in one directory and those below it. A project that brings the library in by
  # add_subdirectory links from above: what was found here is made visible there.
  foreach(target IN LISTS found_here)
    get_target_property(imported ${target} IMPORTED)
    if(imported)
      set_target_properties(${target} PROPERTIES IMPORTED_GLOBAL TRUE)
    endif()
  endforeach()
endfunction()
