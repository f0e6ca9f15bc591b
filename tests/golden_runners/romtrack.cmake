# golden_config.hpp of the system "romtrack": a romtrack_config and the factors of its tracker.
include("${CMAKE_CURRENT_LIST_DIR}/support/json.cmake")

function(heddle_golden_config_romtrack json out)
  set(refused "")
  foreach(pair "norm_eps;1e-6" "bn_eps;1e-5")
    list(GET pair 0 key)
    list(GET pair 1 default)
    golden_json_text(text "${json}" "${key}")
    if(text STREQUAL "missing")
      set(${key} "golden::to_ratio(${default})")
    else()
      golden_ratio(${key} refused "${json}" "${key}")
    endif()
  endforeach()
  foreach(key search_size template_size patch dim depth heads mlp_ratio head_channel)
    golden_whole(${key} refused "${json}" "model;${key}")
  endforeach()
  if(NOT refused)
    foreach(pair "search_size;patch" "template_size;patch" "dim;heads")
      list(GET pair 0 key)
      list(GET pair 1 divisor)
      math(EXPR rest "${${key}} % ${${divisor}}")
      if(NOT rest EQUAL 0)
        golden_refuse(refused "model.${key} is ${${key}}; supported: multiples of model.${divisor}, ${${divisor}}")
      endif()
    endforeach()
    math(EXPR rest "${head_channel} % 8")
    if(NOT rest EQUAL 0)
      golden_refuse(refused "model.head_channel is ${head_channel}; supported: multiples of 8")
    endif()
  endif()
  golden_json_or(template_factor "${json}" "track;template_factor" 2.0)
  golden_json_or(search_factor "${json}" "track;search_factor" 4.0)
  golden_header(header "#include \"romtrack/tracker.hpp\"
#include \"support/number.hpp\"

namespace heddle {
inline constexpr examples::romtrack_config golden_config{
    .search_size = ${search_size},
    .template_size = ${template_size},
    .patch = ${patch},
    .dim = ${dim},
    .depth = ${depth},
    .heads = ${heads},
    .mlp_ratio = ${mlp_ratio},
    .head_channels = ${head_channel},
    .norm_epsilon = ${norm_eps},
    .batch_norm_epsilon = ${bn_eps}};
inline constexpr examples::romtrack_tracking golden_tracking{.search_factor = ${search_factor}, .template_factor = ${template_factor}};
}  // namespace heddle
" "${refused}")
  set(${out} "${header}" PARENT_SCOPE)
endfunction()
