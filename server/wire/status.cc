#include "server/wire/status.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace singleflight::wire {
namespace {

// RFC 9113 §7.
constexpr uint32_t kRefusedStream = 0x7;
constexpr uint32_t kCancel = 0x8;
constexpr uint32_t kEnhanceYourCalm = 0xb;
constexpr uint32_t kInadequateSecurity = 0xc;

bool Plain(char c) { return c >= 0x20 && c <= 0x7e && c != '%'; }

}  // namespace

absl::optional<StatusCode> ParseStatus(absl::string_view value) {
  if (value.empty() || value.size() > 2) return absl::nullopt;
  size_t number = 0;
  for (char digit : value) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(digit))) return absl::nullopt;
    number = number * 10 + static_cast<size_t>(digit - '0');
  }
  if (number >= kStatusCodes) return absl::nullopt;
  return static_cast<StatusCode>(number);
}

StatusCode StatusOfReset(uint32_t error_code) {
  switch (error_code) {
    case kRefusedStream:
      return StatusCode::kUnavailable;
    case kCancel:
      return StatusCode::kCancelled;
    case kEnhanceYourCalm:
      return StatusCode::kResourceExhausted;
    case kInadequateSecurity:
      return StatusCode::kPermissionDenied;
    default:
      return StatusCode::kInternal;
  }
}

std::string EncodeMessage(absl::string_view message) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(message.size());
  for (char c : message) {
    if (Plain(c)) {
      encoded.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded.push_back('%');
      encoded.push_back(kHex[byte >> 4]);
      encoded.push_back(kHex[byte & 15]);
    }
  }
  return encoded;
}

std::string DecodeMessage(absl::string_view value) {
  std::string decoded;
  decoded.reserve(value.size());
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '%' && i + 2 < value.size() &&
        absl::ascii_isxdigit(static_cast<unsigned char>(value[i + 1])) &&
        absl::ascii_isxdigit(static_cast<unsigned char>(value[i + 2]))) {
      decoded += absl::HexStringToBytes(value.substr(i + 1, 2));
      i += 2;
    } else {
      decoded.push_back(value[i]);
    }
  }
  return decoded;
}

}  // namespace singleflight::wire
