// How a request's fields are judged. Nearly all are as they should be, and each one of each call
// comes by here, so the rules are arranged to find that out fast: texts are looked at sixteen bytes
// at a time, and most names are ruled out by their length.

#include "server/http2/request_rules.h"

#include <algorithm>
#include <string_view>

#include "absl/base/attributes.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "server/base/byte_block.h"
#include "server/base/character_set.h"

namespace singleflight::http2 {
namespace {

enum Pseudo : uint8_t { kMethod = 1, kScheme = 2, kPath = 4, kAuthority = 8 };

uint8_t PseudoOf(absl::string_view name) {
  if (name == ":method") return kMethod;
  if (name == ":scheme") return kScheme;
  if (name == ":path") return kPath;
  if (name == ":authority") return kAuthority;
  return 0;
}

// RFC 9110 §5.6.2 in lower case.
constexpr base::CharacterSet kInName([](uint8_t c) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
         kMarks.find(static_cast<char>(c)) != kMarks.npos;
});

// RFC 9110 §5.5: no control characters but tabs.
constexpr base::CharacterSet kInValue([](uint8_t c) {
  return (c >= 0x20 && c != 0x7f) || c == '\t';
});

// Not inline, because few texts come here.
ABSL_ATTRIBUTE_NOINLINE bool HasAllOf(const base::CharacterSet& set, absl::string_view text) {
  return set.HasAllOf(text);
}

bool IsValue(absl::string_view value) {
  constexpr auto kControls = [](base::ByteBlock c) { return (c < 0x20) | (c == 0x7f); };
  return base::SurelyNone(value, kControls) || HasAllOf(kInValue, value);
}

// Nearly all names are of small letters and '-'.
bool IsName(absl::string_view name) {
  constexpr auto kOthers = [](base::ByteBlock c) { return (c != '-') & ((c < 'a') | (c > 'z')); };
  return base::SurelyNone(name, kOthers) || HasAllOf(kInName, name);
}

}  // namespace

absl::string_view RequestRules::Judge(absl::string_view name, absl::string_view value) {
  if (name.empty()) return "a field without a name";
  if (!IsValue(value)) return "a control character in a field's value";
  if (name.front() == ':') return JudgePseudo(name, value);
  regular_seen_ = true;
  if (!IsName(name)) return "a character in a field's name that no name has";
  return JudgeRegular(name, value);
}

absl::string_view RequestRules::JudgePseudo(absl::string_view name, absl::string_view value) {
  if (trailers_) return "a pseudo-header field behind the body";
  if (regular_seen_) return "a pseudo-header field behind others";
  const uint8_t which = PseudoOf(name);
  if (which == 0) return "a pseudo-header field that no request has";
  if ((pseudo_seen_ & which) != 0) return "a pseudo-header field twice";
  if (value.empty() && which != kAuthority) return "an empty pseudo-header field";
  pseudo_seen_ = static_cast<uint8_t>(pseudo_seen_ | which);
  if (which == kMethod) connect_ = value == "CONNECT";
  return "";
}

absl::string_view RequestRules::JudgeRegular(absl::string_view name, absl::string_view value) {
  switch (name.size()) {
    case 2:
      if (name == "te" && value != "trailers" && !absl::EqualsIgnoreCase(value, "trailers")) {
        return "a te other than trailers";
      }
      break;
    case 7:
    case 10:
    case 16:
    case 17:
      if (name == "upgrade" || name == "connection" || name == "keep-alive" ||
          name == "proxy-connection" || name == "transfer-encoding") {
        return "a field that belongs to a connection";
      }
      break;
    case 14:
      if (name == "content-length") return JudgeContentLength(value);
      break;
  }
  return "";
}

absl::string_view RequestRules::JudgeContentLength(absl::string_view value) {
  if (trailers_) return "a content-length behind the body";
  if (content_length_ != -1) return "content-length twice";
  const bool digits =
      !value.empty() && std::all_of(value.begin(), value.end(), absl::ascii_isdigit);
  if (!digits || !absl::SimpleAtoi(value, &content_length_)) {
    return "a content-length that is no number";
  }
  return "";
}

absl::string_view RequestRules::JudgeEnd(bool end) const {
  if (trailers_) return end ? "" : "a second header block that ends nothing";
  if (connect_) return pseudo_seen_ == (kMethod | kAuthority) ? "" : "a malformed CONNECT";
  constexpr uint8_t kRequired = kMethod | kScheme | kPath;
  if ((pseudo_seen_ & kRequired) != kRequired) return "no :method, :scheme or :path";
  return end && content_length_ > 0 ? "a content-length and no body" : "";
}

}  // namespace singleflight::http2
