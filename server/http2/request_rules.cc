#include "server/http2/request_rules.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"

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
constexpr std::array<bool, 256> NameCharacters() {
  std::array<bool, 256> allowed{};
  for (char c = '0'; c <= '9'; ++c) allowed[static_cast<uint8_t>(c)] = true;
  for (char c = 'a'; c <= 'z'; ++c) allowed[static_cast<uint8_t>(c)] = true;
  for (const char c :
       {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'}) {
    allowed[static_cast<uint8_t>(c)] = true;
  }
  return allowed;
}

bool IsName(absl::string_view name) {
  static constexpr std::array<bool, 256> kAllowed = NameCharacters();
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return kAllowed[static_cast<uint8_t>(c)]; });
}

bool IsTextCharacter(char c) {
  const auto byte = static_cast<uint8_t>(c);
  return (byte >= 0x20 && byte != 0x7f) || c == '\t';
}

// Whether one of eight bytes may be a control character: below 0x20, or 0x7f. Borrows and carries
// may raise an alarm for nothing, and never miss one.
bool MayHoldControl(uint64_t bytes) {
  constexpr uint64_t kEach = 0x0101010101010101;
  constexpr uint64_t kHigh = 0x80 * kEach;
  const uint64_t below = (bytes - 0x20 * kEach) & ~bytes;
  const uint64_t deletes = bytes ^ 0x7f * kEach;
  return ((below | ((deletes - kEach) & ~deletes)) & kHigh) != 0;
}

// RFC 9110 §5.5: no control characters but tabs. Most values have none, so they are looked at eight
// bytes at a time.
bool IsText(absl::string_view value) {
  while (value.size() >= sizeof(uint64_t)) {
    uint64_t bytes;
    std::memcpy(&bytes, value.data(), sizeof(bytes));
    if (MayHoldControl(bytes) &&
        !std::all_of(value.begin(), value.begin() + sizeof(bytes), IsTextCharacter)) {
      return false;
    }
    value.remove_prefix(sizeof(bytes));
  }
  return std::all_of(value.begin(), value.end(), IsTextCharacter);
}

}  // namespace

absl::string_view RequestRules::Judge(absl::string_view name, absl::string_view value) {
  if (name.empty()) return "a field without a name";
  if (!IsText(value)) return "a control character in a field's value";
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
  switch (name.size()) {  // most names are ruled out by their length
    case 2:
      if (name == "te" && !absl::EqualsIgnoreCase(value, "trailers")) {
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
