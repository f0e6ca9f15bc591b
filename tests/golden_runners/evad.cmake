# golden_config.hpp of the system "evad": an evad_config.
include("${CMAKE_CURRENT_LIST_DIR}/support/json.cmake")

function(golden_evad_refusals out json)
  set(refused "")
  golden_expect(refused "${json}" "cfg;ViT;USE_LEARNABLE_POS_EMB" false missing)
  golden_expect(refused "${json}" "cfg;ViT;QK_SCALE" null missing)
  golden_expect(refused "${json}" "cfg;MODEL;CRD;USE_LEARNABLE_POS_EMB" false missing)
  golden_expect(refused "${json}" "cfg;DATA;INPUT_CHANNEL_NUM" "{3}" missing)
  golden_expect(refused "${json}" "cfg;DETECTION;ALIGNED" true missing)
  golden_expect(refused "${json}" "cfg;MODEL;ROI_BOX_HEAD;POOLER_TYPE" ROIAlignV2 missing)
  set(s "cfg;MODEL;SparseRCNN")
  golden_expect(refused "${json}" "${s};NUM_CLASSES" 1)
  golden_expect(refused "${json}" "${s};ACTIVATION" relu)
  golden_expect(refused "${json}" "${s};NUM_DYNAMIC" 2)
  golden_expect(refused "${json}" "${s};USE_FOCAL" false)
  golden_expect(refused "${json}" "${s};SOFTMAX_POSE" false missing)
  golden_expect(refused "${json}" "${s};KEYWAY" false missing)
  golden_expect(refused "${json}" "${s};USE_FPN" true missing)
  golden_expect(refused "${json}" "${s};PONY" false missing)
  golden_expect(refused "${json}" "${s};WORKAROUND" false missing)
  golden_json_text(width "${json}" "${s};HIDDEN_DIM")
  golden_expect(refused "${json}" "fpn_out_channels" "${width}")
  golden_json_text(patch "${json}" "cfg;ViT;PATCH_SIZE")
  golden_expect(refused "${json}" "cfg;DETECTION;SPATIAL_SCALE_FACTOR" "${patch}")
  golden_expect(refused "${json}" "cfg;ViT;PATCH_SIZE" 16)
  golden_json_length(rates "${json}" "cfg;MODEL;KTP;KEEP_RATES")
  golden_json_text(depth "${json}" "cfg;ViT;DEPTH")
  if(NOT rates EQUAL depth OR depth GREATER 48)
    golden_refuse(refused "there are ${rates} keep rates for ${depth} blocks; supported: one for each of at most 48")
  endif()
  golden_json_length(taps "${json}" "cfg;ViT;FPN_INDICES")
  if(NOT taps EQUAL 4)
    golden_refuse(refused "cfg.ViT.FPN_INDICES has ${taps} blocks; supported: 4")
  endif()
  set(before -1)
  foreach(i RANGE 3)
    golden_json_or(tap "${json}" "cfg;ViT;FPN_INDICES;${i}" 0)
    if(NOT tap GREATER before OR NOT tap LESS depth)
      golden_refuse(refused "cfg.ViT.FPN_INDICES.${i} is ${tap}; supported: blocks of the ${depth} that there are, in order")
    endif()
    set(before ${tap})
  endforeach()
  set(${out} "${refused}" PARENT_SCOPE)
endfunction()

function(heddle_golden_config_evad json out)
  golden_evad_refusals(refused "${json}")
  set(s "cfg;MODEL;SparseRCNN")
  set(d "cfg;MODEL;CRD")
  golden_whole(frames refused "${json}" "cfg;DATA;NUM_FRAMES")
  foreach(key IN ITEMS TUBELET_SIZE PATCH_SIZE EMBED_DIM PRETRAIN_IMG_SIZE DEPTH NUM_HEADS)
    golden_whole(${key} refused "${json}" "cfg;ViT;${key}")
  endforeach()
  golden_ratio(mlp_ratio refused "${json}" "cfg;ViT;MLP_RATIO")
  golden_json_or(qkv_bias "${json}" "cfg;ViT;QKV_BIAS" true)
  golden_json_or(init_values "${json}" "cfg;ViT;INIT_VALUES" 0)
  set(layer_scale true)
  if(init_values MATCHES "^0([.]0+)?$")
    set(layer_scale false)
  endif()
  golden_json_text(taps "${json}" "cfg;ViT;FPN_INDICES")
  foreach(key IN ITEMS NUM_PROPOSALS NHEADS DIM_FEEDFORWARD HIDDEN_DIM NUM_CLS NUM_ACT NUM_REG NUM_HEADS DIM_DYNAMIC ACT_FC_DIM)
    golden_whole(${key}_S refused "${json}" "${s};${key}")
  endforeach()
  golden_ratio(threshold refused "${json}" "${s};PERSON_THRESHOLD")
  golden_whole(bins refused "${json}" "cfg;MODEL;ROI_BOX_HEAD;POOLER_RESOLUTION")
  golden_whole(samples refused "${json}" "cfg;MODEL;ROI_BOX_HEAD;POOLER_SAMPLING_RATIO")
  golden_whole(action_bins refused "${json}" "cfg;DETECTION;ROI_XFORM_RESOLUTION")
  golden_whole(classes refused "${json}" "cfg;MODEL;NUM_CLASSES")
  foreach(key IN ITEMS EMBED_DIM DEPTH NUM_HEADS)
    golden_whole(${key}_D refused "${json}" "${d};${key}")
  endforeach()
  golden_ratio(decoder_ratio refused "${json}" "${d};MLP_RATIO")
  golden_ratio(extend_x refused "${json}" "${d};ROI_EXTENSION;0")
  # One number stands for both axes.
  golden_json_length(extensions "${json}" "${d};ROI_EXTENSION")
  set(extend_y "${extend_x}")
  if(NOT extensions EQUAL 1)
    golden_ratio(extend_y refused "${json}" "${d};ROI_EXTENSION;1")
  endif()
  golden_ratio(weight refused "${json}" "cfg;MODEL;KTP;ENHANCED_WEIGHT")
  golden_json_length(rates "${json}" "cfg;MODEL;KTP;KEEP_RATES")
  set(keep_rate "")
  if(rates GREATER 0)
    math(EXPR last "${rates} - 1")
    foreach(i RANGE ${last})
      golden_ratio(rate refused "${json}" "cfg;MODEL;KTP;KEEP_RATES;${i}")
      list(APPEND keep_rate "${rate}")
    endforeach()
  endif()
  list(JOIN keep_rate ", " keep_rate)

  golden_header(header "#include \"evad/evad.hpp\"
#include \"evad/detections.hpp\"
#include \"support/number.hpp\"

namespace heddle {
inline constexpr ratio golden_mlp_ratio = ${mlp_ratio};
inline constexpr ratio golden_decoder_ratio = ${decoder_ratio};
inline constexpr examples::evad_config golden_config{
    .frames = ${frames},
    .tubelet = ${TUBELET_SIZE},
    .patch = ${PATCH_SIZE},
    .channels = ${EMBED_DIM},
    .depth = ${DEPTH},
    .heads = ${NUM_HEADS},
    .hidden = ${EMBED_DIM} * golden_mlp_ratio.numerator / golden_mlp_ratio.denominator,
    .qkv_bias = ${qkv_bias},
    .layer_scale = ${layer_scale},
    .table_side = ${PRETRAIN_IMG_SIZE} / ${PATCH_SIZE},
    .keep_rate = {${keep_rate}},
    .keyframe_weight = ${weight},
    .taps = ${taps},
    .detector = {.channels = ${HIDDEN_DIM_S},
                 .heads = ${NHEADS_S},
                 .dynamic = ${DIM_DYNAMIC_S},
                 .hidden = ${DIM_FEEDFORWARD_S},
                 .class_layers = ${NUM_CLS_S},
                 .box_layers = ${NUM_REG_S},
                 .bins = ${bins},
                 .samples = ${samples},
                 .stages = ${NUM_HEADS_S},
                 .queries = ${NUM_PROPOSALS_S}},
    .decoder_channels = ${EMBED_DIM_D},
    .decoder_depth = ${DEPTH_D},
    .decoder_heads = ${NUM_HEADS_D},
    .decoder_hidden = ${EMBED_DIM_D} * golden_decoder_ratio.numerator / golden_decoder_ratio.denominator,
    .action_hidden = ${ACT_FC_DIM_S},
    .action_layers = ${NUM_ACT_S},
    .actions = ${classes},
    .extend_x = ${extend_x},
    .extend_y = ${extend_y},
    .action_bins = ${action_bins},
    .person_threshold = ${threshold}};
}  // namespace heddle
" "${refused}")
  set(${out} "${header}" PARENT_SCOPE)
endfunction()
