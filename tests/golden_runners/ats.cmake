# golden_config.hpp of the system "ats": an ats_config.
include("${CMAKE_CURRENT_LIST_DIR}/support/json.cmake")

function(heddle_golden_config_ats json out)
  set(refused "")
  set(p "hyper_parameters")
  foreach(key IN ITEMS num_classes patch_size embed_dim depth num_heads)
    golden_whole(${key} refused "${json}" "${p};${key}")
  endforeach()
  golden_json_length(sides "${json}" "${p};img_size")
  if(sides GREATER 0)
    golden_whole(height refused "${json}" "${p};img_size;0")
    golden_whole(width refused "${json}" "${p};img_size;1")
  else()
    golden_whole(height refused "${json}" "${p};img_size")
    set(width ${height})
  endif()
  golden_ratio(mlp_ratio refused "${json}" "${p};mlp_ratio")
  golden_expect(refused "${json}" "${p};drop_tokens" true false)
  set(padded_to_all false)
  golden_json_text(drop_tokens "${json}" "${p};drop_tokens")
  if(drop_tokens STREQUAL "false")
    set(padded_to_all true)
  endif()
  golden_expect(refused "${json}" "${p};qkv_bias" true missing)
  golden_expect(refused "${json}" "fixed;layer_norm_eps" 1e-06 1e-6 0.000001 9.9999999999999995e-07 missing)
  golden_expect(refused "${json}" "fixed;softmax_eps" 1e-06 1e-6 0.000001 9.9999999999999995e-07 missing)
  math(EXPR rows "${height} % ${patch_size}")
  math(EXPR columns "${width} % ${patch_size}")
  if(rows OR columns)
    golden_refuse(refused "the image is ${height} x ${width}; supported: multiples of the patch size ${patch_size}")
  endif()
  if(depth GREATER 64)
    golden_refuse(refused "depth is ${depth}; supported: at most 64")
  endif()

  # hyper_parameters.num_tokens is not read: the released code runs only where a block's number is at least that of the tokens
  # which reach it, and then samples at as many points as there are patches.

  set(sampled "0ULL")
  golden_json_length(blocks "${json}" "${p};ats_blocks")
  if(blocks GREATER 0)
    math(EXPR last "${blocks} - 1")
    foreach(i RANGE ${last})
      golden_json_text(block "${json}" "${p};ats_blocks;${i}")
      if(NOT block MATCHES "^[0-9]+$" OR NOT block LESS depth)
        golden_refuse(refused "hyper_parameters.ats_blocks.${i} is ${block}; supported: blocks of the ${depth} that there are")
      endif()
      string(APPEND sampled " | 1ULL << ${block}")
    endforeach()
  endif()
  golden_header(header "#include \"ats/ats.hpp\"
#include \"support/number.hpp\"

namespace heddle {
inline constexpr ratio golden_mlp_ratio = ${mlp_ratio};
inline constexpr examples::ats_config golden_config{
    .classes = ${num_classes},
    .height = ${height},
    .width = ${width},
    .patch = ${patch_size},
    .channels = ${embed_dim},
    .depth = ${depth},
    .heads = ${num_heads},
    .hidden = ${embed_dim} * golden_mlp_ratio.numerator / golden_mlp_ratio.denominator,
    .sampled = ${sampled},
    .padded_to_all = ${padded_to_all}};
}  // namespace heddle
" "${refused}")
  set(${out} "${header}" PARENT_SCOPE)
endfunction()
