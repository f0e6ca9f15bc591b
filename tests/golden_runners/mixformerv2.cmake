# golden_config.hpp of the system "mixformerv2": a mixformerv2_config, the tracker's options, the distillation's.
include("${CMAKE_CURRENT_LIST_DIR}/support/json.cmake")

# A list of whole numbers as the initialiser of a std::vector.
macro(golden_indices out refused json path)
  golden_json_or(${out} "${json}" "${path}" "{}")
  if(NOT ${out} MATCHES "^{[0-9, ]*}$")
    string(REPLACE ";" "." golden_key "${path}")
    golden_refuse(${refused} "${golden_key} is ${${out}}; supported: a list of whole numbers")
    set(${out} "{}")
  endif()
endmacro()

macro(golden_number_or out refused json path default)
  golden_json_or(${out} "${json}" "${path}" "${default}")
  if(NOT ${out} MATCHES "^-?[0-9][0-9.eE+-]*$")
    string(REPLACE ";" "." golden_key "${path}")
    golden_refuse(${refused} "${golden_key} is ${${out}}; supported: numbers")
    set(${out} "${default}")
  endif()
endmacro()

function(heddle_golden_config_mixformerv2 json out)
  set(refused "")
  foreach(name search_size template_size patch dim depth heads feat_sz)
    golden_whole(${name} refused "${json}" "model;${name}")
  endforeach()
  golden_number_or(mlp_ratio refused "${json}" "model;mlp_ratio" 4)
  golden_expect(refused "${json}" activation gelu_erf gelu missing)
  golden_ratio(eps refused "${json}" norm_eps)
  # Without recorded scores there is no score head (the "offline" tracker); a list of shapes says what is recorded.
  golden_json_text(recorded "${json}" "shapes;output.pred_boxes")
  golden_json_text(scores "${json}" "shapes;output.pred_scores")
  set(score_head true)
  if(scores STREQUAL "missing" AND NOT recorded STREQUAL "missing")
    set(score_head false)
  endif()
  foreach(i RANGE 2)
    golden_number_or(mean_${i} refused "${json}" "mean;${i}" 0)
    golden_number_or(std_${i} refused "${json}" "std;${i}" 1)
  endforeach()
  # The statistics of other data are refused: the tracker normalises with those of ImageNet.
  golden_expect(refused "${json}" "mean" "{0.485, 0.456, 0.406}" "{0.48499999999999999, 0.45600000000000002, 0.40600000000000003}" missing)
  golden_expect(refused "${json}" "std" "{0.229, 0.224, 0.225}" "{0.22900000000000001, 0.224, 0.22500000000000001}"
                "{0.22900000000000001, 0.22400000000000001, 0.22500000000000001}" missing)
  golden_number_or(template_factor refused "${json}" "track;template_factor" 2.0)
  golden_number_or(search_factor refused "${json}" "track;search_factor" 4.5)
  golden_number_or(update_interval refused "${json}" "track;update_interval" 200)
  golden_number_or(decay refused "${json}" "track;max_score_decay" 1.0)
  golden_number_or(margin refused "${json}" clip_margin 10)
  golden_indices(removed refused "${json}" "distill;remove_layers")
  golden_indices(student_layers refused "${json}" "distill;layers_student")
  golden_indices(teacher_layers refused "${json}" "distill;layers_teacher")
  golden_number_or(gain refused "${json}" "distill;remove_rate" 1.0)
  foreach(stage 1 2)
    golden_number_or(ciou_${stage} refused "${json}" "distill;weights_stage${stage};ciou" 2.0)
    golden_number_or(l1_${stage} refused "${json}" "distill;weights_stage${stage};l1" 5.0)
    golden_number_or(edges_${stage} refused "${json}" "distill;weights_stage${stage};corner" 5.0)
    golden_number_or(features_${stage} refused "${json}" "distill;weights_stage${stage};feat" 0.2)
  endforeach()
  math(EXPR head_rest "${dim} % ${heads}")
  math(EXPR quarter_rest "${dim} % 4")
  math(EXPR search_rest "${search_size} % ${patch}")
  math(EXPR template_rest "${template_size} % ${patch}")
  if(head_rest OR quarter_rest)
    golden_refuse(refused "model.dim is ${dim}; supported: multiples of 4 and of the heads (${heads})")
  endif()
  if(search_rest OR template_rest)
    golden_refuse(refused "model.search_size and template_size are ${search_size} and ${template_size}; supported: multiples of the patch (${patch})")
  endif()

  golden_header(header "#include <vector>

#include \"mixformerv2/tracker.hpp\"
#include \"heddle/loss/distillation.hpp\"
#include \"support/number.hpp\"

namespace heddle {
inline constexpr examples::mixformerv2_config golden_config{
    .search_size = ${search_size},
    .template_size = ${template_size},
    .patch = ${patch},
    .channels = ${dim},
    .depth = ${depth},
    .heads = ${heads},
    .hidden = static_cast<std::size_t>(${dim} * (${mlp_ratio})),
    .bins = ${feat_sz},
    .score_head = ${score_head},
    .branch_gains = true,
    .norm_epsilon = ${eps}};
inline constexpr examples::mixformerv2_tracking golden_tracking{
    .search_factor = ${search_factor},
    .template_factor = ${template_factor},
    .update_interval = ${update_interval},
    .decay = ${decay},
    .margin = ${margin}};
inline const std::vector<std::size_t> golden_removed ${removed};
inline const std::vector<std::size_t> golden_student_layers ${student_layers};
inline const std::vector<std::size_t> golden_teacher_layers ${teacher_layers};
inline constexpr double golden_gain = ${gain};
inline constexpr distillation_weights golden_stage1{.ciou = ${ciou_1}, .l1 = ${l1_1}, .edges = ${edges_1}};
inline constexpr distillation_weights golden_stage2{
    .ciou = ${ciou_2}, .l1 = ${l1_2}, .edges = ${edges_2}, .features = ${features_2}};
}  // namespace heddle
" "${refused}")
  set(${out} "${header}" PARENT_SCOPE)
endfunction()
