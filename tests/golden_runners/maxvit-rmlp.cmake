# golden_config.hpp of the system "maxvit-rmlp": another style of the same family.
include("${CMAKE_CURRENT_LIST_DIR}/maxvit.cmake")

function(heddle_golden_config_maxvit_rmlp json out)
  heddle_golden_config_maxvit("${json}" header)
  set(${out} "${header}" PARENT_SCOPE)
endfunction()
