// What the fragments of docs/weights.md are about: a small network, a file, some bytes.
#pragma once

#include <cstddef>
#include <cstdio>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <heddle/backend/reference.hpp>
#include <heddle/heddle.hpp>
#include <heddle/io/bind.hpp>
#include <heddle/io/save.hpp>

using namespace heddle;

struct network {
  linear<48, 192> fc1;
  linear<192, 48> fc2;
  static constexpr auto members() { return heddle::members<&network::fc1, &network::fc2>("fc1", "fc2"); }
};

inline network net;
inline std::vector<std::byte> bytes;
inline std::shared_ptr<std::vector<std::byte>> kept;
inline const io::safetensors file{"tracker.safetensors"};
inline tensor<float, extents<dyn, 4>> boxes;
inline tensor<float, extents<dyn>> scores;
