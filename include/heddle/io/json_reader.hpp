/// @file
/// A strict reader for the JSON of file headers: objects, arrays, strings, unsigned integers. Nothing else occurs there, so
/// nothing else is accepted, and no recursion means that no input can exhaust the stack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "../config.hpp"
#include "report.hpp"

namespace heddle::inline v0::io::detail {

/// A cursor over JSON text (RFC 8259, UTF-8). Every function returns false from the first mistake on; `error()` then says
/// what was expected at which byte.
class json_reader {
  std::string_view text_;
  std::size_t next_ = 0;
  std::string error_{};

 public:
  explicit json_reader(std::string_view text) noexcept : text_(text) {}

  bool failed() const noexcept { return !error_.empty(); }
  const std::string& error() const noexcept { return error_; }
  std::size_t position() const noexcept { return next_; }

  /// Records the first mistake. Always false.
  HEDDLE_COLD bool fail(std::string_view what) {
    if (error_.empty()) error_ = concat({"byte ", std::to_string(next_), ": ", what});
    return false;
  }

  /// True where the very next character is `c`.
  bool starts_with(char c) const noexcept { return next_ < text_.size() && text_[next_] == c; }

  /// `{"key": value, ...}`; `member(key)` reads the value.
  template <class F>
  bool object(F&& member) {
    if (!expect('{', "expected an object")) return false;
    if (accept('}')) return true;
    std::string key;
    do {
      if (!string(key) || !expect(':', "expected ':' after a key") || !member(key)) return false;
    } while (accept(','));
    return expect('}', "expected ',' or '}'");
  }

  /// `[value, ...]`; `element()` reads one value.
  template <class F>
  bool array(F&& element) {
    if (!expect('[', "expected an array")) return false;
    if (accept(']')) return true;
    do {
      if (!element()) return false;
    } while (accept(','));
    return expect(']', "expected ',' or ']'");
  }

  /// A string with its escapes resolved; only well-formed UTF-8.
  HEDDLE_COLD bool string(std::string& out) {
    out.clear();
    if (!expect('"', "expected a string")) return false;
    while (next_ < text_.size()) {
      const auto c = static_cast<unsigned char>(text_[next_]);
      if (c == '"') {
        ++next_;
        return true;
      }
      if (c < 0x20) return fail("control character in a string");
      const bool ok = c == '\\' ? escape(out) : c < 0x80 ? ascii(out) : utf8(out);
      if (!ok) return false;
    }
    return fail("string without an end");
  }

  /// An unsigned integer without sign, fraction, exponent or leading zero.
  HEDDLE_COLD bool integer(std::uint64_t& out) {
    skip_space();
    if (next_ >= text_.size() || !is_digit(text_[next_])) return fail("expected an unsigned integer");
    if (text_[next_] == '0' && next_ + 1 < text_.size() && is_digit(text_[next_ + 1]))
      return fail("number with a leading zero");
    constexpr std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
    out = 0;
    while (next_ < text_.size() && is_digit(text_[next_])) {
      const auto digit = static_cast<std::uint64_t>(text_[next_] - '0');
      if (out > (limit - digit) / 10) return fail("number beyond 64 bits");
      out = out * 10 + digit;
      ++next_;
    }
    if (next_ < text_.size() && (text_[next_] == '.' || text_[next_] == 'e' || text_[next_] == 'E'))
      return fail("expected an unsigned integer, got a fraction");
    return true;
  }

  /// Only white space may follow.
  bool end() {
    skip_space();
    return next_ == text_.size() || fail("text after the header");
  }

 private:
  static constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

  void skip_space() noexcept {
    while (next_ < text_.size() &&
           (text_[next_] == ' ' || text_[next_] == '\n' || text_[next_] == '\r' || text_[next_] == '\t'))
      ++next_;
  }

  bool accept(char c) noexcept {
    skip_space();
    if (next_ >= text_.size() || text_[next_] != c) return false;
    ++next_;
    return true;
  }

  HEDDLE_COLD bool expect(char c, std::string_view what) { return accept(c) || fail(what); }

  bool ascii(std::string& out) {
    out += text_[next_++];
    return true;
  }

  bool escape(std::string& out) {
    if (next_ + 1 >= text_.size()) return fail("string without an end");
    constexpr std::string_view letters = "\"\\/bfnrt";
    constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
    const char letter = text_[next_ + 1];
    if (letter == 'u') return unicode_escape(out);
    const std::size_t which = letters.find(letter);
    if (which == std::string_view::npos) return fail("unknown escape in a string");
    out += meanings[which];
    next_ += 2;
    return true;
  }

  /// `\uXXXX`, or the two of a surrogate pair.
  HEDDLE_COLD bool unicode_escape(std::string& out) {
    std::uint32_t code = 0;
    if (!four_digits(code)) return false;
    if (code >= 0xdc00 && code <= 0xdfff) return fail("half of a surrogate pair");
    if (code >= 0xd800 && code <= 0xdbff) {
      std::uint32_t low = 0;
      if (text_.substr(next_, 2) != "\\u") return fail("half of a surrogate pair");
      if (!four_digits(low)) return false;
      if (low < 0xdc00 || low > 0xdfff) return fail("half of a surrogate pair");
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    append_utf8(out, code);
    return true;
  }

  bool four_digits(std::uint32_t& code) {
    if (text_.size() - next_ < 6) return fail("\\u needs four hexadecimal digits");
    for (std::size_t i = next_ + 2; i < next_ + 6; ++i) {
      const char c = text_[i];
      const int digit = is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
      if (digit < 0) return fail("\\u needs four hexadecimal digits");
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    next_ += 6;
    return true;
  }

  static void append_utf8(std::string& out, std::uint32_t code) {
    const auto put = [&](std::uint32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
    if (code < 0x80) {
      put(code);
    } else if (code < 0x800) {
      put(0xc0 | (code >> 6));
      put(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
      put(0xe0 | (code >> 12));
      put(0x80 | ((code >> 6) & 0x3f));
      put(0x80 | (code & 0x3f));
    } else {
      put(0xf0 | (code >> 18));
      put(0x80 | ((code >> 12) & 0x3f));
      put(0x80 | ((code >> 6) & 0x3f));
      put(0x80 | (code & 0x3f));
    }
  }

  /// One character of two to four bytes: no overlong form, no surrogate, nothing above U+10FFFF.
  HEDDLE_COLD bool utf8(std::string& out) {
    const auto lead = static_cast<unsigned char>(text_[next_]);
    const std::size_t length = lead >= 0xf0 && lead <= 0xf4  ? 4
                               : lead >= 0xe0 && lead < 0xf0 ? 3
                               : lead >= 0xc2 && lead < 0xe0 ? 2
                                                             : 0;
    if (length == 0 || text_.size() - next_ < length) return fail("malformed UTF-8 in a string");
    std::uint32_t code = lead & (0xffu >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
      const auto c = static_cast<unsigned char>(text_[next_ + i]);
      if ((c & 0xc0) != 0x80) return fail("malformed UTF-8 in a string");
      code = (code << 6) | (c & 0x3fu);
    }
    constexpr std::uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
      return fail("malformed UTF-8 in a string");
    out.append(text_.substr(next_, length));
    next_ += length;
    return true;
  }
};

}  // namespace heddle::inline v0::io::detail
