# The system "vits14-saliency" is one network: only what its config.json says of it is checked.
include("${CMAKE_CURRENT_LIST_DIR}/support/json.cmake")

function(heddle_golden_config_vits14_saliency json out)
  set(refused "")
  golden_expect(refused "${json}" dim 384)
  golden_expect(refused "${json}" depth 12)
  golden_expect(refused "${json}" heads 6)
  golden_expect(refused "${json}" patch 14)
  golden_expect(refused "${json}" image 224)
  golden_header(header "#include \"vits14_saliency/vits14_saliency.hpp\"\n" "${refused}")
  set(${out} "${header}" PARENT_SCOPE)
endfunction()
