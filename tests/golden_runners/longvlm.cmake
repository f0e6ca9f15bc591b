# golden_config.hpp of the system "longvlm": a longvlm_config.
include("${CMAKE_CURRENT_LIST_DIR}/support/json.cmake")

function(heddle_golden_config_longvlm json out)
  set(refused "")
  set(h hyper_parameters)
  foreach(key frames frames_per_segment patches vision_dim vision_layers num_memory vocab hidden inter layers heads)
    golden_whole(${key} refused "${json}" "${h};${key}")
  endforeach()
  golden_ratio(epsilon refused "${json}" rms_norm_eps)
  golden_json_or(groups "${json}" merge_metric_groups 16)
  golden_json_or(base "${json}" rope_theta 10000)
  string(REGEX REPLACE "[.]0+$" "" base "${base}")
  golden_json_text(rounds "${json}" "${h};r_list")
  golden_json_length(round_count "${json}" "${h};r_list")
  if(NOT rounds MATCHES "^{[0-9]+(, [0-9]+)*}$" OR round_count GREATER 16)
    golden_refuse(refused "r_list is ${rounds}; supported: 1 to 16 whole numbers")
    set(rounds "{}")
  endif()
  golden_whole(start refused "${json}" "special_tokens;vid_start")
  golden_whole(end refused "${json}" "special_tokens;vid_end")
  if(NOT base MATCHES "^[1-9][0-9]*$" OR NOT groups MATCHES "^[1-9][0-9]*$")
    golden_refuse(refused "rope_theta is ${base}, merge_metric_groups ${groups}; supported: positive whole numbers")
    set(base 1)
    set(groups 1)
  endif()
  golden_expect(refused "${json}" "${h};kv_heads" missing ${heads})
  math(EXPR rest "${frames} % ${frames_per_segment}")
  if(NOT rest EQUAL 0)
    golden_refuse(refused "frames is ${frames}; supported: multiples of frames_per_segment, ${frames_per_segment}")
  endif()
  math(EXPR rest "${vision_dim} % ${groups}")
  if(NOT rest EQUAL 0)
    golden_refuse(refused "vision_dim is ${vision_dim}; supported: multiples of merge_metric_groups, ${groups}")
  endif()
  math(EXPR rest "${hidden} % (2 * ${heads})")
  if(NOT rest EQUAL 0)
    golden_refuse(refused "hidden is ${hidden}; supported: multiples of two times heads, ${heads}")
  endif()
  # The embedding has a class token too.
  math(EXPR states "${vision_layers} + 1")
  if(num_memory GREATER states)
    golden_refuse(refused "num_memory is ${num_memory}; supported: at most vision_layers and one, ${states}")
  endif()
  golden_header(header "#include \"longvlm/longvlm.hpp\"
#include \"support/number.hpp\"

namespace heddle {
inline constexpr examples::longvlm_config golden_config{
    .frames = ${frames},
    .frames_per_segment = ${frames_per_segment},
    .patches = ${patches},
    .vision_channels = ${vision_dim},
    .vision_layers = ${vision_layers},
    .metric_groups = ${groups},
    .rounds = {${rounds}},
    .memory = ${num_memory},
    .video_start = ${start},
    .video_end = ${end},
    .language = {.vocabulary = ${vocab},
                 .channels = ${hidden},
                 .hidden = ${inter},
                 .layers = ${layers},
                 .heads = ${heads},
                 .epsilon = ${epsilon},
                 .rotary_base = ${base}}};
inline constexpr std::size_t golden_rounds = ${round_count};
}  // namespace heddle
" "${refused}")
  set(${out} "${header}" PARENT_SCOPE)
endfunction()
