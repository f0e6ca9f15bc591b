# golden_config.hpp of the systems "maxvit" and "maxvit-rmlp": a maxvit_config.
include("${CMAKE_CURRENT_LIST_DIR}/support/json.cmake")

# The C++ name of an activation.
macro(golden_activation out refused json path)
  golden_expect(${refused} "${json}" "${path}" relu silu swish gelu gelu_tanh)
  golden_json_text(${out} "${json}" "${path}")
  if(${out} STREQUAL "swish")
    set(${out} silu)
  endif()
endmacro()

# Height and width of a partition: stated, or the image's sides divided by the ratio.
macro(golden_partition out refused json key height width)
  golden_json_or(${out} "${json}" "${key}" "")
  if(NOT ${out})
    golden_json_or(${out} "${json}" "cfg;transformer_cfg;${key}" "")
  endif()
  if(NOT ${out})
    golden_json_or(partition_ratio "${json}" "cfg;transformer_cfg;partition_ratio" 32)
    math(EXPR partition_height "${height} / ${partition_ratio}")
    math(EXPR partition_width "${width} / ${partition_ratio}")
    set(${out} "{${partition_height}, ${partition_width}}")
  endif()
  if(${out} MATCHES "^[1-9][0-9]*$")
    set(${out} "{${${out}}, ${${out}}}")
  endif()
  if(NOT ${out} MATCHES "^{[1-9][0-9]*, [1-9][0-9]*}$")
    golden_refuse(${refused} "${key} is ${${out}}; supported: two positive whole numbers")
    set(${out} "{1, 1}")
  endif()
endmacro()

function(golden_maxvit_refusals out json)
  set(refused "")
  golden_expect(refused "${json}" in_chans 3 missing)
  golden_expect(refused "${json}" global_pool avg missing)
  set(conv "cfg;conv_cfg")
  golden_expect(refused "${json}" "${conv};block_type" mbconv)
  golden_expect(refused "${json}" "${conv};kernel_size" 1 3 5 7 9)
  golden_expect(refused "${json}" "${conv};group_size" 1)
  golden_expect(refused "${json}" "${conv};pre_norm_act" false missing)
  golden_expect(refused "${json}" "${conv};stride_mode" dw)
  golden_expect(refused "${json}" "${conv};pool_type" avg2)
  golden_expect(refused "${json}" "${conv};attn_early" false missing)
  golden_expect(refused "${json}" "${conv};attn_layer" se)
  golden_expect(refused "${json}" "${conv};norm_layer" batchnorm2d)
  golden_expect(refused "${json}" "${conv};padding" same "")
  set(attention "cfg;transformer_cfg")
  golden_expect(refused "${json}" "${attention};use_nchw_attn" false missing)
  golden_expect(refused "${json}" "${attention};rel_pos_type" bias bias_tf mlp)
  golden_expect(refused "${json}" "${attention};norm_layer" layernorm2d layernorm)
  golden_expect(refused "${json}" "${attention};norm_layer_cl" layernorm)
  golden_json_length(stages "${json}" "cfg;embed_dim")
  golden_json_length(depths "${json}" "cfg;depths")
  if(NOT stages EQUAL depths OR stages LESS 1 OR stages GREATER 8)
    golden_refuse(refused "cfg.embed_dim and cfg.depths have ${stages} and ${depths} stages; supported: the same number, 1 to 8")
  endif()
  golden_json_text(types "${json}" "cfg;block_type")
  if(NOT types MATCHES "^{M(, M)*}$")
    golden_refuse(refused "cfg.block_type is ${types}; supported: M for every stage")
  endif()
  set(${out} "${refused}" PARENT_SCOPE)
endfunction()

function(heddle_golden_config_maxvit json out)
  golden_maxvit_refusals(refused "${json}")
  set(conv "cfg;conv_cfg")
  set(attention "cfg;transformer_cfg")
  golden_json_length(stages "${json}" "cfg;embed_dim")
  golden_json_text(channels "${json}" "cfg;embed_dim")
  golden_json_text(depth "${json}" "cfg;depths")
  golden_json_text(stem "${json}" "cfg;stem_width")
  if(NOT stem MATCHES "^{")
    set(stem "{${stem}, ${stem}}")
  endif()
  golden_json_or(classes "${json}" num_classes 1000)
  if(NOT classes MATCHES "^[0-9]+$")
    golden_refuse(refused "num_classes is ${classes}; supported: whole numbers of at least 0")
    set(classes 0)
  endif()
  golden_json_or(height "${json}" "img_size;0" "")
  golden_json_or(width "${json}" "img_size;1" "${height}")
  if(NOT height)
    golden_json_or(height "${json}" img_size 224)
    set(width ${height})
  endif()
  golden_partition(window refused "${json}" window_size ${height} ${width})
  golden_partition(grid refused "${json}" grid_size ${height} ${width})
  golden_json_text(padding "${json}" "${conv};padding")
  if(NOT padding STREQUAL "same")
    set(padding symmetric)
  endif()
  golden_json_or(stem_bias "${json}" "cfg;stem_bias" false)
  golden_json_or(expand_output "${json}" "${conv};expand_output" true)
  golden_json_or(output_bias "${json}" "${conv};output_bias" true)
  golden_ratio(expansion refused "${json}" "${conv};expand_ratio")
  golden_ratio(squeeze refused "${json}" "${conv};attn_ratio")
  golden_ratio(batch_norm_eps refused "${json}" "${conv};norm_eps")
  golden_activation(convolution_activation refused "${json}" "${conv};act_layer")
  golden_activation(gate_activation refused "${json}" "${conv};attn_act_layer")
  golden_whole(kernel refused "${json}" "${conv};kernel_size")
  golden_whole(head_dim refused "${json}" "${attention};dim_head")
  golden_json_or(heads_first "${json}" "${attention};head_first" true)
  golden_json_or(attention_bias "${json}" "${attention};attn_bias" true)
  golden_json_or(no_block "${json}" "${attention};no_block_attn" false)
  # Only whether there is a layer scale matters: its values are weights.
  golden_json_or(init_values "${json}" "${attention};init_values" 0)
  set(layer_scale true)
  if(init_values MATCHES "^0([.]0+)?$")
    set(layer_scale false)
  endif()
  set(block_attention true)
  if(no_block STREQUAL "true")
    set(block_attention false)
  endif()
  golden_json_or(bias_hidden "${json}" "${attention};rel_pos_dim" 512)
  golden_ratio(feed_forward refused "${json}" "${attention};expand_ratio")
  golden_ratio(layer_norm_eps refused "${json}" "${attention};norm_eps")
  golden_activation(attention_activation refused "${json}" "${attention};act_layer")
  golden_json_or(head_hidden "${json}" "cfg;head_hidden_size" 0)
  golden_json_text(bias "${json}" "${attention};rel_pos_type")
  string(REGEX REPLACE "^bias$" "table" bias "${bias}")
  string(REGEX REPLACE "^bias_tf$" "table_tf" bias "${bias}")
  string(REGEX REPLACE "^mlp$" "log_perceptron" bias "${bias}")

  golden_header(header "#include \"maxvit/maxvit.hpp\"
#include \"support/number.hpp\"

namespace heddle {
inline constexpr examples::maxvit_config golden_config{
    .classes = ${classes},
    .stages = ${stages},
    .channels = ${channels},
    .depth = ${depth},
    .stem = ${stem},
    .stem_bias = ${stem_bias},
    .window = ${window},
    .grid = ${grid},
    .padding = padding_rule::${padding},
    .expansion = ${expansion},
    .expand_output = ${expand_output},
    .kernel = ${kernel},
    .squeeze = ${squeeze},
    .convolution_bias = ${output_bias},
    .convolution_activation = examples::maxvit_activation::${convolution_activation},
    .gate_activation = examples::maxvit_activation::${gate_activation},
    .batch_norm_epsilon = ${batch_norm_eps},
    .head_dim = ${head_dim},
    .heads_first = ${heads_first},
    .attention_bias = ${attention_bias},
    .block_attention = ${block_attention},
    .layer_scale = ${layer_scale},
    .bias = examples::maxvit_bias::${bias},
    .bias_hidden = ${bias_hidden},
    .feed_forward = ${feed_forward},
    .attention_activation = examples::maxvit_activation::${attention_activation},
    .layer_norm_epsilon = ${layer_norm_eps},
    .head_hidden = ${head_hidden}};
}  // namespace heddle
" "${refused}")
  set(${out} "${header}" PARENT_SCOPE)
endfunction()
