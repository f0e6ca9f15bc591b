#include "case_text.hpp"

#include <algorithm>
#include <charconv>

namespace heddle::bench {

namespace {

constexpr std::string_view keys_shown =
    "heads=N, dim=N, tokens=N or map=HxW or map=TxHxW, keys=N, kv_heads=N, batch=N, layout=heads|projection, "
    "dtype=f32|bf16|f16, threads=N";

std::string without_blanks(std::string_view text) {
  std::string kept;
  for (const char c : text)
    if (c != ' ' && c != '\t' && c != '\n') kept += c;
  return kept;
}

std::string quoted(std::string_view text) { return '\'' + std::string(text) + '\''; }

/// Parts between separators that are not inside angle brackets.
std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char c : text) {
    depth += c == '<' ? 1 : c == '>' ? -1 : 0;
    if (c == separator && depth == 0) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

/// A whole number of at most eight figures; 0 where the text is none.
std::size_t number(std::string_view text) {
  std::size_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  return error == std::errc{} && end == text.data() + text.size() && n < 100'000'000 ? n : 0;
}

bool is_word(std::string_view words, std::string_view word) {
  const std::string all = ' ' + std::string(words) + ' ';
  return !word.empty() && all.find(' ' + std::string(word) + ' ') != std::string::npos;
}

class parser {
  parsed_case result_;
  std::vector<std::string> seen_;

  bool fail(const std::string& sentence) {
    if (result_.problem.empty()) result_.problem = sentence;
    return false;
  }

  bool take_number(std::string_view key, std::string_view value, std::size_t& out) {
    out = number(value);
    return out != 0 || fail(std::string(key) + "= wants a whole number above 0, got " + quoted(value));
  }

  bool take_map(std::string_view value) {
    const std::vector<std::string> sides = split(value, 'x');
    std::vector<std::size_t> n;
    for (const std::string& side : sides) n.push_back(number(side));
    if (n.size() < 2 || n.size() > 3 || std::count(n.begin(), n.end(), std::size_t{0}) != 0)
      return fail("map= wants HEIGHTxWIDTH or FRAMESxHEIGHTxWIDTH, got " + quoted(value));
    result_.frames = n.size() == 3 ? n[0] : 1;
    result_.height = n[n.size() - 2];
    result_.width = n.back();
    return true;
  }

  bool take_choice(std::string_view key, std::string_view value, std::string_view words, std::string& out) {
    out = value;
    return is_word(words, value) || fail(std::string(key) + "= is one of: " + std::string(words) + "; got " + quoted(value));
  }

  bool take_setting(const std::string& key, const std::string& value) {
    if (std::find(seen_.begin(), seen_.end(), key) != seen_.end()) return fail(key + "= is given twice");
    seen_.push_back(key);
    if (key == "heads") return take_number(key, value, result_.heads);
    if (key == "dim") return take_number(key, value, result_.dim);
    if (key == "keys") return take_number(key, value, result_.keys);
    if (key == "kv_heads") return take_number(key, value, result_.kv_heads);
    if (key == "batch") return take_number(key, value, result_.batch);
    if (key == "threads") return take_number(key, value, result_.threads);
    if (key == "tokens") return take_number(key, value, result_.width);
    if (key == "map") return take_map(value);
    if (key == "dtype") return take_choice(key, value, "f32 bf16 f16", result_.dtype);
    if (key == "layout") {
      std::string layout;
      const bool ok = take_choice(key, value, "heads projection", layout);
      result_.projection = layout == "projection";
      return ok;
    }
    return fail(key + "= is not known; known are: " + std::string(keys_shown));
  }

  bool take_policy(const std::string& item) {
    const std::size_t open = item.find('<');
    const std::string name = item.substr(0, open);
    const auto policies = known_policies();
    const auto found = std::find_if(policies.begin(), policies.end(), [&](const policy_entry& e) { return e.name == name; });
    if (found == policies.end()) return fail(quoted(item) + " is not known");
    used_policy use{&*found, {}};
    if (open != std::string::npos) {
      if (item.back() != '>') return fail(quoted(item) + ": a > is missing");
      use.arguments = split(std::string_view(item).substr(open + 1, item.size() - open - 2), ',');
    }
    const std::size_t count = use.arguments.size();
    bool ok = count >= found->least_arguments && count <= found->most_arguments;
    for (const std::string& a : use.arguments) ok = ok && (number(a) != 0 || is_word(found->words, a));
    if (!ok) return fail(quoted(item) + " is not understood; it is written " + std::string(found->shown));
    if (const used_policy* other = result_.find(found->category); other != nullptr && found->category != slot::modifier)
      return fail("two policies fill the slot " + std::string(slot_name(found->category)) + ": " +
                  std::string(other->entry->name) + " and " + name);
    result_.policies.push_back(use);
    return true;
  }

  bool given(std::string_view key) const { return std::find(seen_.begin(), seen_.end(), key) != seen_.end(); }

  void finish() {
    for (const char* key : {"heads", "dim"})
      if (!given(key)) fail(std::string(key) + "= is missing");
    if (given("tokens") == given("map")) fail("give either tokens= or map=");
    if (given("keys") && result_.find(slot::partition) != nullptr && !result_.uses("global"))
      fail("keys= is for the partition global");
    if (given("keys") && result_.projection) fail("keys= is for layout=heads: a projection has as many keys as queries");
    if (given("kv_heads") && result_.heads % std::max<std::size_t>(1, result_.kv_heads) != 0)
      fail("kv_heads= must divide heads=");
    if (given("kv_heads") && result_.projection) fail("kv_heads= is for layout=heads");
    if (!result_.problem.empty()) return;
    if (!given("layout")) result_.projection = given("map") && !given("kv_heads");
    if (result_.uses("shifted_window") && result_.find(slot::mask) == nullptr) take_policy("same_region");
  }

 public:
  parsed_case run(std::string_view text) {
    result_.text = without_blanks(text);
    if (result_.text.empty()) fail("the case is empty");
    if (std::count(result_.text.begin(), result_.text.end(), '<') != std::count(result_.text.begin(), result_.text.end(), '>'))
      fail("the angle brackets do not match");
    for (const std::string& item : split(result_.text, ',')) {
      if (!result_.problem.empty()) return result_;
      const std::size_t equals = item.find('=');
      if (equals == std::string::npos) {
        take_policy(item);
      } else {
        take_setting(item.substr(0, equals), item.substr(equals + 1));
      }
    }
    finish();
    return result_;
  }
};

}  // namespace

std::string used_policy::type() const {
  std::string list;
  for (const std::string& a : arguments)
    list += (list.empty() ? "" : ", ") + (number(a) != 0 ? a : std::string(entry->scope) + a);
  std::string text(entry->type);
  if (const std::size_t at = text.find('@'); at != std::string::npos) text.replace(at, 1, '<' + list + '>');
  return text;
}

const used_policy* parsed_case::find(slot s) const {
  for (const used_policy& p : policies)
    if (p.entry->category == s) return &p;
  return nullptr;
}

bool parsed_case::uses(std::string_view policy) const {
  return std::any_of(policies.begin(), policies.end(), [&](const used_policy& p) { return p.entry->name == policy; });
}

parsed_case parse_case(std::string_view text) { return parser().run(text); }

std::string known_words() {
  std::string text;
  for (const slot s : {slot::partition, slot::mask, slot::score, slot::modifier, slot::normalizer, slot::position}) {
    std::string names;
    for (const policy_entry& p : known_policies())
      if (p.category == s) names += (names.empty() ? "" : ", ") + std::string(p.shown);
    if (!names.empty()) text += "  " + std::string(slot_name(s)) + ": " + names + '\n';
  }
  return text + "  settings: " + std::string(keys_shown) + '\n';
}

}  // namespace heddle::bench
