#include "server/cache/directives.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "server/cache/token.h"

namespace singleflight::cache {
namespace {

// For a number that does not fit (RFC 9111 §1.2.2).
constexpr absl::Duration kVeryLong = absl::Seconds(int64_t{1} << 31);

}  // namespace

bool DirectiveReader::Next(absl::string_view* name, absl::optional<absl::string_view>* argument) {
  SkipEmpty();
  if (text_.empty()) return false;
  *name = Token();
  *argument = absl::nullopt;
  malformed_ = malformed_ || name->empty();
  if (structured_ && absl::ConsumePrefix(&text_, "=?0")) {
    *name = "";  // it says that it does not hold
  } else if (!(structured_ && absl::ConsumePrefix(&text_, "=?1")) &&
             absl::ConsumePrefix(&text_, "=")) {
    *argument = Argument();
  }
  if (structured_) SkipParameters();
  text_ = absl::StripLeadingAsciiWhitespace(text_);
  malformed_ = malformed_ || (!text_.empty() && text_.front() != ',');
  return !malformed_;
}

// Empty list elements are no directives (RFC 9110 §5.6.1).
void DirectiveReader::SkipEmpty() {
  while (!text_.empty() && (text_.front() == ',' || absl::ascii_isspace(text_.front()))) {
    text_.remove_prefix(1);
  }
}

// None means anything to a directive (RFC 9213 §2.1).
void DirectiveReader::SkipParameters() {
  while (absl::ConsumePrefix(&text_, ";")) {
    text_ = absl::StripLeadingAsciiWhitespace(text_);
    malformed_ = malformed_ || Token().empty();
    if (absl::ConsumePrefix(&text_, "=?")) text_.remove_prefix(text_.empty() ? 0 : 1);
    if (absl::ConsumePrefix(&text_, "=")) Argument();
  }
}

absl::string_view DirectiveReader::Token() {
  const auto end = std::find_if_not(text_.begin(), text_.end(), IsTokenCharacter);
  const absl::string_view token = text_.substr(0, static_cast<size_t>(end - text_.begin()));
  text_.remove_prefix(token.size());
  return token;
}

// Without its quotes. Escapes in it do not matter to the directives that are read here.
absl::string_view DirectiveReader::Argument() {
  if (!absl::ConsumePrefix(&text_, "\"")) {
    const absl::string_view token = Token();
    malformed_ = malformed_ || token.empty();
    return token;
  }
  size_t end = 0;
  while (end < text_.size() && text_[end] != '"') end += text_[end] == '\\' ? 2 : 1;
  if (end >= text_.size()) {
    malformed_ = true;
    return "";
  }
  const absl::string_view inside = text_.substr(0, end);
  text_.remove_prefix(end + 1);
  return inside;
}

absl::optional<absl::Duration> ParseDeltaSeconds(absl::string_view text) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), absl::ascii_isdigit)) {
    return absl::nullopt;
  }
  absl::Duration total;
  for (const char digit : text) {
    total = std::min(total * 10 + absl::Seconds(digit - '0'), kVeryLong);
  }
  return total;
}

}  // namespace singleflight::cache
