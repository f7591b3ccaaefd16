#include "server/model/binary_fields.h"

#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/base/character_set.h"

namespace singleflight::model {
namespace {

// RFC 4648 §4.
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr base::CharacterSet kInBase64([](uint8_t c) {
  return kAlphabet.find(static_cast<char>(c)) != kAlphabet.npos;
});

constexpr char kComma = ',';
constexpr size_t kBytesOfAField = 32;

bool HoldsSeveral(const Field& field) {
  return IsBinary(field.name) && field.value.find(kComma) != field.value.npos;
}

// Joined values may have space between them (RFC 9110 §5.6.1).
absl::string_view Bare(absl::string_view part) { return absl::StripAsciiWhitespace(part); }

// How many values the field has; 0: one of them is no base64.
size_t CountValues(const Field& field) {
  if (!HoldsSeveral(field)) return IsBase64(field.value) ? 1 : 0;
  size_t values = 0;
  for (const absl::string_view part : absl::StrSplit(field.value, kComma)) {
    if (!IsBase64(Bare(part))) return 0;
    ++values;
  }
  return values;
}

std::string Wrong(const Field& field, absl::string_view how) {
  return absl::StrCat("the metadata field ", field.name.substr(0, 256), how);
}

Headers Separated(HeadersView fields) {
  Headers separated;
  for (const Field field : fields) {
    if (!HoldsSeveral(field)) {
      separated.Add(field);
      continue;
    }
    for (const absl::string_view part : absl::StrSplit(field.value, kComma)) {
      separated.Add(field.name, Bare(part), field.never_index);
    }
  }
  return separated;
}

}  // namespace

bool IsBase64(absl::string_view value) {
  while (absl::ConsumeSuffix(&value, "=")) {
  }
  if (!kInBase64.HasAllOf(value)) return false;
  constexpr size_t kUnusedBits[] = {0, 6, 4, 2};  // of the last character, by how many there are
  const size_t unused = kUnusedBits[value.size() % 4];
  if (unused == 0) return true;
  return unused < 6 && kAlphabet.find(value.back()) % (size_t{1} << unused) == 0;
}

absl::optional<std::string> SeparateBinary(Headers& fields) {
  size_t grows = 0;
  for (const Field field : fields) {
    if (!IsBinary(field.name)) continue;
    const size_t values = CountValues(field);
    if (values == 0) return Wrong(field, " is binary, and its value no base64");
    grows += (values - 1) * (field.name.size() + kBytesOfAField);
    if (grows > kMostBySeparating) return Wrong(field, " joins too many values by commas");
  }
  if (grows > 0) fields = Headers(Separated(fields));
  return absl::nullopt;
}

}  // namespace singleflight::model
