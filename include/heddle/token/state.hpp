/// @file
/// `token_state`: what token operations hand from layer to layer.
#pragma once

#include "merging.hpp"

namespace heddle::inline v0 {

/// Sequences on their way through layers that change the number of tokens: how many there are now, how many of the first
/// tokens each of them stands for, and where each of the first tokens is.
///
/// A view; the memory is the caller's. Every layer that changes the tokens calls `advance`.
struct token_state {
  std::size_t batch = 0;
  std::size_t tokens = 0;  ///< of a sequence, now
  float* sizes = nullptr;  ///< `[batch, tokens]`; the memory has room for the first number of tokens
  source_map origin{};     ///< from the first tokens to those of now; not kept where `positions` is null

  /// Takes the step of `map`: sizes were brought forward to `new_sizes` (`[batch, map.after]`).
  template <class Isa = isa::native>
  void advance(const source_map& map, const float* new_sizes) {
    tokens = map.after;
    for (std::size_t i = 0; i < batch * tokens; ++i) sizes[i] = new_sizes[i];
    if (origin.positions != nullptr) follow(origin, map);
  }
  /// The same where the backend has its memory.
  template <class Backend>
  void advance(context<Backend> ctx, const source_map& map, const float* new_sizes) {
    tokens = map.after;
    each(ctx, batch * tokens, detail::copy_number<float>{new_sizes, sizes});
    if (origin.positions != nullptr) follow(ctx, origin, map);
  }
};

/// Bytes of `start_tokens`.
constexpr std::size_t token_state_bytes(std::size_t batch, std::size_t tokens) noexcept {
  return scratch_bytes<float>(batch * tokens) + source_map_bytes(batch, tokens);
}

/// The state before the first layer: every token stands for itself. Lies in `memory`. @throws workspace_error
template <class Isa = isa::native>
token_state start_tokens(arena& memory, std::size_t batch, std::size_t tokens) {
  token_state state{batch, tokens, memory.take<float>(batch * tokens), take_source_map(memory, batch, tokens, tokens)};
  for (std::size_t i = 0; i < batch * tokens; ++i) state.sizes[i] = 1.0F;
  set_identity(state.origin);
  return state;
}

/// The same in the scratch memory of `ctx`, where the backend has it. @throws workspace_error
template <class Backend>
token_state start_tokens(context<Backend>& ctx, std::size_t batch, std::size_t tokens) {
  token_state state{batch, tokens, ctx.scratch.template take<float>(batch * tokens),
                    take_source_map(ctx.scratch, batch, tokens, tokens)};
  each(ctx, batch * tokens, detail::set_all{state.sizes, 1.0F});
  set_identity(ctx, state.origin);
  return state;
}

}  // namespace heddle::inline v0
