# golden_config.hpp of the system "mixformer-vit": a mixvit_config.
include("${CMAKE_CURRENT_LIST_DIR}/support/json.cmake")

function(heddle_golden_config_mixformer_vit json out)
  set(refused "")
  golden_expect(refused "${json}" "model;head" CORNER CORNER_UP)
  foreach(key search_size template_size dim depth heads head_dim)
    golden_whole(${key} refused "${json}" "model;${key}")
  endforeach()
  foreach(pair "patch;16" "mlp_ratio;4" "score_heads;0")
    list(GET pair 0 key)
    list(GET pair 1 default)
    golden_json_or(${key} "${json}" "model;${key}" ${default})
    string(REGEX REPLACE "[.]0+$" "" ${key} "${${key}}")
    if(NOT ${key} MATCHES "^[0-9]+$")
      golden_refuse(refused "model.${key} is ${${key}}; supported: whole numbers")
    endif()
  endforeach()
  foreach(key search_size template_size)
    if(NOT refused)
      math(EXPR rest "${${key}} % ${patch}")
      if(NOT rest EQUAL 0)
        golden_refuse(refused "model.${key} is ${${key}}; supported: multiples of the patch of ${patch} pixels")
      endif()
    endif()
  endforeach()
  foreach(key heads score_heads)
    if(NOT refused AND NOT ${key} EQUAL 0)
      math(EXPR rest "${dim} % ${${key}}")
      if(NOT rest EQUAL 0)
        golden_refuse(refused "model.${key} is ${${key}}; supported: divisors of model.dim, ${dim}")
      endif()
    endif()
  endforeach()
  math(EXPR rest "${head_dim} % 8")
  if(NOT rest EQUAL 0)
    golden_refuse(refused "model.head_dim is ${head_dim}; supported: multiples of 8")
  endif()
  golden_json_text(head "${json}" "model;head")
  string(TOLOWER "${head}" head)
  golden_header(header "#include \"mixformer_vit/mixformer_vit.hpp\"

namespace heddle {
inline constexpr examples::mixvit_config golden_config{
    .search_size = ${search_size},
    .template_size = ${template_size},
    .patch = ${patch},
    .dim = ${dim},
    .depth = ${depth},
    .heads = ${heads},
    .mlp_ratio = ${mlp_ratio},
    .head = examples::mixvit_head::${head},
    .head_channels = ${head_dim},
    .score_heads = ${score_heads}};
}  // namespace heddle
" "${refused}")
  set(${out} "${header}" PARENT_SCOPE)
endfunction()
