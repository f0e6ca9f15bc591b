# golden_config.hpp of the system "simmim": a swin_config, and what the objective looks at.
include("${CMAKE_CURRENT_LIST_DIR}/swin-transformer-v2.cmake")

function(heddle_golden_config_simmim json out)
  golden_swin_config(config refused "${json}" hyper_parameters)
  golden_whole(patch refused "${json}" "hyper_parameters;patch_size")
  golden_json_length(stages "${json}" "hyper_parameters;depths")
  set(stride ${patch})
  foreach(stage RANGE 1 ${stages})
    if(stage GREATER 1)
      math(EXPR stride "${stride} * 2")
    endif()
  endforeach()
  golden_expect(refused "${json}" encoder_stride ${stride} missing)
  golden_json_or(normalised "${json}" "norm_target;enable" false)
  golden_json_or(neighbourhood "${json}" "norm_target;patch_size" 47)
  if(normalised STREQUAL "true")
    golden_whole(neighbourhood refused "${json}" "norm_target;patch_size")
  endif()
  golden_header(header "#include \"simmim/simmim.hpp\"
#include \"support/number.hpp\"

namespace heddle {
inline constexpr examples::swin_config golden_config${config};
inline constexpr examples::simmim_objective golden_objective{.normalised_target = ${normalised}, .neighbourhood = ${neighbourhood}};
}  // namespace heddle
" "${refused}")
  set(${out} "${header}" PARENT_SCOPE)
endfunction()
