# golden_config.hpp of the system "tome": a tome_config, how many tokens each layer merges, and the cases of the pure functions.
include("${CMAKE_CURRENT_LIST_DIR}/support/json.cmake")

# One line of golden_functions for every case, golden_count of them.
macro(golden_tome_functions out refused json)
  set(${out} "")
  set(golden_count 0)
  string(JSON golden_cases ERROR_VARIABLE golden_error LENGTH "${json}" functions)
  if(NOT golden_error AND golden_cases GREATER 0)
    math(EXPR golden_last "${golden_cases} - 1")
    foreach(golden_i RANGE ${golden_last})
      string(JSON golden_name MEMBER "${json}" functions ${golden_i})
      golden_json_or(golden_r "${json}" "functions;${golden_name};r" 0)
      golden_json_or(golden_k "${json}" "functions;${golden_name};k" 0)
      golden_json_or(golden_class "${json}" "functions;${golden_name};class_token" false)
      golden_json_or(golden_distill "${json}" "functions;${golden_name};distill_token" false)
      foreach(golden_number golden_r golden_k)
        if(NOT ${golden_number} MATCHES "^[0-9]+$")
          golden_refuse(${refused} "functions.${golden_name} has ${${golden_number}}; supported: whole numbers for r and k")
          set(${golden_number} 0)
        endif()
      endforeach()
      if(golden_distill STREQUAL "true" AND NOT golden_class STREQUAL "true")
        golden_refuse(${refused} "functions.${golden_name} has a distillation token and no class token; supported: both, one or none")
      endif()
      string(APPEND ${out}
             "    golden_function{\"${golden_name}\", ${golden_r}, ${golden_k}, ${golden_class}, ${golden_distill}},\n")
      math(EXPR golden_count "${golden_count} + 1")
    endforeach()
  endif()
endmacro()

# r of every layer: as resolved by the schedule, or the number of all layers.
macro(golden_tome_schedule out refused json depth)
  golden_json_text(${out} "${json}" r_schedule)
  if(${out} STREQUAL "missing")
    golden_json_text(golden_r "${json}" "hyper_parameters;r")
    if(golden_r MATCHES "^[0-9]+$")
      set(${out} "")
      foreach(golden_i RANGE 1 ${depth})
        list(APPEND ${out} ${golden_r})
      endforeach()
      list(JOIN ${out} ", " ${out})
      set(${out} "{${${out}}}")
    endif()
  endif()
  golden_json_length(golden_layers "${json}" r_schedule)
  if(NOT ${out} MATCHES "^{[0-9]+(, [0-9]+)*}$" OR (golden_layers GREATER 0 AND NOT golden_layers EQUAL depth))
    golden_refuse(${refused} "r_schedule is ${${out}}; supported: a whole number for each of ${depth} layers, or one r")
    set(${out} "{}")
  endif()
endmacro()

function(heddle_golden_config_tome json out)
  set(refused "")
  set(h hyper_parameters)
  golden_whole(patch refused "${json}" "${h};patch_size")
  golden_json_length(sides "${json}" "${h};img_size")
  if(sides GREATER 0)
    golden_whole(height refused "${json}" "${h};img_size;0")
    golden_whole(width refused "${json}" "${h};img_size;1")
  else()
    golden_whole(height refused "${json}" "${h};img_size")
    set(width ${height})
  endif()
  golden_whole(classes refused "${json}" "${h};num_classes")
  golden_whole(channels refused "${json}" "${h};embed_dim")
  golden_whole(depth refused "${json}" "${h};depth")
  golden_whole(heads refused "${json}" "${h};num_heads")
  golden_ratio(mlp refused "${json}" "${h};mlp_ratio")
  golden_expect(refused "${json}" "${h};prop_attn" true false missing)
  golden_expect(refused "${json}" "${h};class_token" true missing)
  golden_expect(refused "${json}" "${h};distilled" false missing)
  golden_expect(refused "${json}" "${h};qkv_bias" true missing)
  golden_expect(refused "${json}" "${h};qk_norm" false missing)
  golden_expect(refused "${json}" "${h};global_pool" token missing)
  golden_expect(refused "${json}" "${h};init_values" missing null)
  golden_expect(refused "${json}" "${h};in_chans" 3 missing)
  golden_json_or(proportional "${json}" "${h};prop_attn" true)
  if(proportional STREQUAL "true")
    set(proportional on)
  else()
    set(proportional off)
  endif()
  golden_json_or(epsilon_text "${json}" "fixed;layer_norm_eps" "1e-06")
  math(EXPR rest_height "${height} % ${patch}")
  math(EXPR rest_width "${width} % ${patch}")
  math(EXPR rest_heads "${channels} % ${heads}")
  if(NOT rest_height EQUAL 0 OR NOT rest_width EQUAL 0)
    golden_refuse(refused "img_size is ${height} x ${width}; supported: multiples of the patch of ${patch} pixels")
  endif()
  if(NOT rest_heads EQUAL 0)
    golden_refuse(refused "embed_dim is ${channels}; supported: multiples of num_heads, ${heads}")
  endif()
  golden_tome_schedule(schedule refused "${json}" ${depth})
  golden_tome_functions(functions refused "${json}")
  golden_header(header "#include <array>

#include \"support/number.hpp\"
#include \"tome/tome.hpp\"

namespace heddle {
inline constexpr ratio golden_mlp = ${mlp};
inline constexpr examples::tome_config golden_config{
    .trunk = {.height = ${height},
              .width = ${width},
              .patch = ${patch},
              .channels = ${channels},
              .depth = ${depth},
              .heads = ${heads},
              .hidden = ${channels} * golden_mlp.numerator / golden_mlp.denominator,
              .epsilon = golden::to_ratio(${epsilon_text}),
              .proportional = proportional_attention::${proportional}},
    .classes = ${classes}};
inline constexpr std::array<std::size_t, ${depth}> golden_schedule{${schedule}};
struct golden_function {
  const char* name;
  std::size_t r;
  std::size_t k;
  bool class_token;
  bool distill_token;
};
inline constexpr std::array<golden_function, ${golden_count}> golden_functions{{
${functions}}};
}  // namespace heddle
" "${refused}")
  set(${out} "${header}" PARENT_SCOPE)
endfunction()
