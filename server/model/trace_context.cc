#include "server/model/trace_context.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace singleflight::model {
namespace {

//   00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
//   version, trace id, span id, flags; later versions may go on behind a further "-"
constexpr size_t kLength = 55;
constexpr size_t kTraceAt = 3;
constexpr size_t kSpanAt = 36;
constexpr size_t kFlagsAt = 53;
constexpr uint8_t kSampled = 1;

// Lower case only (§3.2.2).
absl::optional<uint8_t> Digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<uint8_t>(c - 'a' + 10);
  return absl::nullopt;
}

template <size_t n>
bool ReadHex(absl::string_view text, std::array<uint8_t, n>& out) {
  for (size_t i = 0; i < n; ++i) {
    const absl::optional<uint8_t> high = Digit(text[2 * i]), low = Digit(text[2 * i + 1]);
    if (!high.has_value() || !low.has_value()) return false;
    out[i] = static_cast<uint8_t>(*high << 4 | *low);
  }
  return true;
}

template <size_t n>
std::string Hex(const std::array<uint8_t, n>& bytes) {
  return absl::BytesToHexString({reinterpret_cast<const char*>(bytes.data()), n});
}

bool HasForm(absl::string_view value) {
  if (value.size() < kLength || value[2] != '-') return false;
  if (value[kSpanAt - 1] != '-' || value[kFlagsAt - 1] != '-') return false;
  return value.size() == kLength || (value[kLength] == '-' && value.substr(0, 2) != "00");
}

}  // namespace

absl::optional<TraceParent> ParseTraceparent(absl::string_view value) {
  std::array<uint8_t, 1> version, flags;
  TraceParent parent;
  if (!HasForm(value) || !ReadHex(value, version) || version[0] == 0xff ||
      !ReadHex(value.substr(kTraceAt), parent.span.trace) ||
      !ReadHex(value.substr(kSpanAt), parent.span.span) ||
      !ReadHex(value.substr(kFlagsAt), flags)) {
    return absl::nullopt;
  }
  if (!parent.span || parent.span.trace == SpanRef().trace) return absl::nullopt;
  parent.sampled = (flags[0] & kSampled) != 0;
  return parent;
}

absl::optional<TraceParent> TraceParentOf(HeadersView fields) {
  const absl::optional<absl::string_view> value = fields.Find(kTraceparent);
  if (!value.has_value() || fields.Count(kTraceparent) > 1) return absl::nullopt;
  return ParseTraceparent(*value);
}

std::string FormatTraceparent(const SpanRef& span) {
  return absl::StrCat("00-", Hex(span.trace), "-", Hex(span.span), "-01");
}

}  // namespace singleflight::model
