// Reads structured lists of strings (RFC 9651), as `cache-groups` has them. One malformed member
// makes the field malformed: a reply must not be kept under half of its groups.

#include "server/cache/groups.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace singleflight::cache {
namespace {

bool IsKeyCharacter(char c) {
  return absl::ascii_islower(c) || absl::ascii_isdigit(c) || absl::StrContains("_-.*", c);
}

bool IsTokenCharacter(char c) {
  return absl::ascii_isalnum(c) || absl::StrContains("!#$%&'*+-.^_`|~:/?@", c);
}

bool IsBase64Character(char c) { return absl::ascii_isalnum(c) || absl::StrContains("+/=", c); }

// Reads one structured list, whose members must be strings.
class ListReader {
 public:
  ListReader(absl::string_view text, std::vector<std::string>& out)
      : text_(absl::StripAsciiWhitespace(text)), out_(out) {}

  bool Read() {
    if (text_.empty()) return true;
    while (Member()) {
      SkipSpace();
      if (text_.empty()) return true;
      if (!absl::ConsumePrefix(&text_, ",")) return false;
      SkipSpace();
    }
    return false;
  }

 private:
  bool Member() {
    std::string member;
    if (!String(&member)) return false;
    out_.push_back(std::move(member));
    while (absl::ConsumePrefix(&text_, ";")) {
      if (!Parameter()) return false;
    }
    return true;
  }

  bool String(std::string* out) {
    if (!absl::ConsumePrefix(&text_, "\"")) return false;
    while (!text_.empty()) {
      char c = text_.front();
      text_.remove_prefix(1);
      if (c == '"') return true;
      if (c == '\\') {
        if (text_.empty() || (text_.front() != '"' && text_.front() != '\\')) return false;
        c = text_.front();
        text_.remove_prefix(1);
      } else if (!absl::ascii_isprint(static_cast<unsigned char>(c))) {
        return false;
      }
      out->push_back(c);
    }
    return false;
  }

  // `key` or `key=value`.
  bool Parameter() {
    while (absl::ConsumePrefix(&text_, " ")) {
    }
    if (!SkipRun(IsKeyCharacter)) return false;
    if (!absl::ConsumePrefix(&text_, "=")) return true;
    return Value();
  }

  // A string, or a display string, which is one behind a `%`; bytes; or something made of token
  // characters.
  bool Value() {
    if (absl::StartsWith(text_, "%\"")) text_.remove_prefix(1);
    if (absl::StartsWith(text_, "\"")) {
      std::string ignored;
      return String(&ignored);
    }
    if (!absl::ConsumePrefix(&text_, ":")) return SkipRun(IsTokenCharacter);
    SkipRun(IsBase64Character);
    return absl::ConsumePrefix(&text_, ":");
  }

  bool SkipRun(bool (*wanted)(char)) {
    size_t n = 0;
    while (n < text_.size() && wanted(text_[n])) ++n;
    text_.remove_prefix(n);
    return n > 0;
  }

  void SkipSpace() { text_ = absl::StripLeadingAsciiWhitespace(text_); }

  absl::string_view text_;
  std::vector<std::string>& out_;
};

}  // namespace

absl::optional<std::vector<std::string>> ParseGroups(model::HeadersView initial,
                                                     model::HeadersView trailing,
                                                     absl::string_view name) {
  std::vector<std::string> groups;
  for (const model::HeadersView block : {initial, trailing}) {
    for (const model::Field field : block) {
      if (field.name == name && !ListReader(field.value, groups).Read()) return absl::nullopt;
    }
  }
  return groups;
}

}  // namespace singleflight::cache
