// Reads `cache-control` directive by directive. Anything that cannot be read, and any
// contradiction, forbids storing.

#include "server/cache/cache_control.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "server/cache/token.h"

namespace singleflight::cache {
namespace {

// For a number that does not fit (RFC 9111 §1.2.2).
constexpr absl::Duration kVeryLong = absl::Seconds(int64_t{1} << 31);

// Takes one value apart: directives separated by commas, each a token, or a token, `=` and a token
// or a quoted string.
class Reader {
 public:
  explicit Reader(absl::string_view text) : text_(text) {}

  // False: there is no further directive, or none that can be read.
  bool Next(absl::string_view* name, absl::optional<absl::string_view>* argument) {
    SkipEmpty();
    if (text_.empty()) return false;
    *name = Token();
    *argument = absl::nullopt;
    if (!name->empty() && absl::ConsumePrefix(&text_, "=")) *argument = Argument();
    text_ = absl::StripLeadingAsciiWhitespace(text_);
    malformed_ = malformed_ || name->empty() || (!text_.empty() && text_.front() != ',');
    return !malformed_;
  }

  bool malformed() const { return malformed_; }

 private:
  // Empty list elements are no directives (RFC 9110 §5.6.1).
  void SkipEmpty() {
    while (!text_.empty() && (text_.front() == ',' || absl::ascii_isspace(text_.front()))) {
      text_.remove_prefix(1);
    }
  }

  absl::string_view Token() {
    const auto end = std::find_if_not(text_.begin(), text_.end(), IsTokenCharacter);
    const absl::string_view token = text_.substr(0, static_cast<size_t>(end - text_.begin()));
    text_.remove_prefix(token.size());
    return token;
  }

  // Without its quotes. Escapes in it do not matter to the directives that are read here.
  absl::string_view Argument() {
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

  absl::string_view text_;
  bool malformed_ = false;
};

// Gathers what several fields say, directive by directive.
class Gathering {
 public:
  void Read(absl::string_view text) {
    Reader reader(text);
    absl::string_view name;
    absl::optional<absl::string_view> argument;
    while (reader.Next(&name, &argument)) Take(name, argument);
    malformed_ = malformed_ || reader.malformed();
  }

  CacheControl Result() const {
    CacheControl result;
    result.is_private = private_;
    result.lifetime = shared_max_age_.has_value() ? shared_max_age_ : max_age_;
    result.no_store = no_store_ || doubtful_ || malformed_;
    result.malformed = malformed_;
    return result;
  }

 private:
  void Take(absl::string_view name, absl::optional<absl::string_view> argument) {
    if (absl::EqualsIgnoreCase(name, "no-store") || absl::EqualsIgnoreCase(name, "no-cache")) {
      no_store_ = true;
    } else if (absl::EqualsIgnoreCase(name, "private")) {
      private_ = true;
    } else if (absl::EqualsIgnoreCase(name, "max-age")) {
      TakeAge(argument, max_age_);
    } else if (absl::EqualsIgnoreCase(name, "s-maxage")) {
      TakeAge(argument, shared_max_age_);
    } else if (absl::EqualsIgnoreCase(name, "public")) {
      doubtful_ = doubtful_ || argument.has_value();
    }
  }

  // The same directive twice with different values is a contradiction.
  void TakeAge(absl::optional<absl::string_view> argument, absl::optional<absl::Duration>& age) {
    const absl::optional<absl::Duration> read = ParseDeltaSeconds(argument.value_or(""));
    doubtful_ = doubtful_ || !read.has_value() || (age.has_value() && *age != *read);
    age = read;
  }

  bool no_store_ = false;
  bool private_ = false;
  bool doubtful_ = false;
  bool malformed_ = false;
  absl::optional<absl::Duration> max_age_;
  absl::optional<absl::Duration> shared_max_age_;
};

}  // namespace

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

CacheControl ParseCacheControl(model::HeadersView initial, model::HeadersView trailing) {
  Gathering gathering;
  for (const model::HeadersView block : {initial, trailing}) {
    for (const model::Field field : block) {
      if (field.name == "cache-control") gathering.Read(field.value);
    }
  }
  return gathering.Result();
}

}  // namespace singleflight::cache
