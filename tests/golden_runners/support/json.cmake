# Values of config.json as C++ text, for the functions that generate golden_config.hpp. A path is a list of keys.
#
# What a runner does not support is not an error of the configuration: golden_expect notes a sentence, the header carries
# it, and the runner says it and fails, so that the other goldens still run.

# true, false, null, missing, a number, a string; a list as "{a, b}".
function(golden_json_text out json path)
  string(JSON type ERROR_VARIABLE error TYPE "${json}" ${path})
  if(error)
    set(text missing)
  elseif(type STREQUAL "NULL")
    set(text null)
  elseif(type STREQUAL "BOOLEAN")
    string(JSON value GET "${json}" ${path})
    set(text false)
    if(value)
      set(text true)
    endif()
  elseif(type STREQUAL "ARRAY")
    string(JSON count LENGTH "${json}" ${path})
    set(parts "")
    if(count GREATER 0)
      math(EXPR last "${count} - 1")
      foreach(i RANGE ${last})
        golden_json_text(part "${json}" "${path};${i}")
        list(APPEND parts "${part}")
      endforeach()
    endif()
    list(JOIN parts ", " text)
    set(text "{${text}}")
  else()
    string(JSON text GET "${json}" ${path})
  endif()
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

# The same, with `default` where the key is missing or null.
function(golden_json_or out json path default)
  golden_json_text(text "${json}" "${path}")
  if(text STREQUAL "missing" OR text STREQUAL "null")
    set(text "${default}")
  endif()
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

# Number of elements of a list, 0 where there is none.
function(golden_json_length out json path)
  string(JSON count ERROR_VARIABLE error LENGTH "${json}" ${path})
  if(error)
    set(count 0)
  endif()
  set(${out} "${count}" PARENT_SCOPE)
endfunction()

# Adds a sentence to the text variable that `noted` names unless the value at `path` is one of the texts that follow. A number
# also equals itself without a fraction of zero (3.0 and 3).
function(golden_expect noted json path)
  golden_json_text(text "${json}" "${path}")
  string(REGEX REPLACE "^([0-9]+)[.]0+$" "\\1" plain "${text}")
  if(text IN_LIST ARGN OR plain IN_LIST ARGN)
    return()
  endif()
  list(JOIN path "." key)
  list(JOIN ARGN ", " allowed)
  golden_refuse(${noted} "${key} is ${text}; supported: ${allowed}")
  set(${noted} "${${noted}}" PARENT_SCOPE)
endfunction()

# Adds a sentence to what is refused.
macro(golden_refuse refused sentence)
  if(${refused})
    string(APPEND ${refused} "\\n  ")
  endif()
  string(REPLACE "\"" "'" golden_sentence "${sentence}")
  string(APPEND ${refused} "${golden_sentence}")
endmacro()

# The header: `body`, or the sentences of what is refused.
function(golden_header out body refused)
  if(refused)
    set(body "#define HEDDLE_GOLDEN_REFUSED \"${refused}\"\n")
  endif()
  set(${out} "// Generated from a golden's config.json.\n#pragma once\n\n${body}" PARENT_SCOPE)
endfunction()

# A positive whole number (3 or 3.0) at `path`, or a note in `refused` and 1.
macro(golden_whole out refused json path)
  golden_json_text(${out} "${json}" "${path}")
  string(REGEX REPLACE "^([0-9]+)[.]0+$" "\\1" ${out} "${${out}}")
  if(NOT ${out} MATCHES "^[1-9][0-9]*$")
    string(REPLACE ";" "." golden_key "${path}")
    golden_refuse(${refused} "${golden_key} is ${${out}}; supported: positive whole numbers")
    set(${out} 1)
  endif()
endmacro()

# The C++ text of a number as a template argument.
macro(golden_ratio out refused json path)
  golden_json_text(${out} "${json}" "${path}")
  if(NOT ${out} MATCHES "^[0-9][0-9.eE+-]*$")
    string(REPLACE ";" "." golden_key "${path}")
    golden_refuse(${refused} "${golden_key} is ${${out}}; supported: numbers of at least 0")
    set(${out} 1)
  endif()
  set(${out} "golden::to_ratio(${${out}})")
endmacro()
