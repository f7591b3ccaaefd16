// Compares patterns with each other, and finds those that no call can match.

#include "server/config/pattern.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/config/problems.h"

namespace singleflight::config {
namespace {

constexpr size_t kLongestPattern = 1024;

// First words of methods that change something, as people name them.
constexpr absl::string_view kWrites[] = {
    "Add",      "Append",  "Apply",    "BatchCreate", "BatchDelete", "BatchUpdate", "BatchWrite",
    "Cancel",   "Clear",   "Commit",   "Create",      "Decrement",   "Delete",      "Drop",
    "Edit",     "Enqueue", "Import",   "Incr",        "Increment",   "Insert",      "Merge",
    "Modify",   "Move",    "Mutate",   "Patch",       "Post",        "Publish",     "Purge",
    "Push",     "Put",     "Register", "Remove",      "Rename",      "Replace",     "Reset",
    "Save",     "Send",    "Set",      "Store",       "Submit",      "Transfer",    "Truncate",
    "Undelete", "Update",  "Upload",   "Upsert",      "Write"};

bool IsPatternCharacter(unsigned char c) {
  return absl::ascii_isgraph(c) && c != '?' && c != '#' && c != '%';
}

// True if `pattern` matches `text`. A `*` in `text` is a character that only `*` matches.
bool Matches(absl::string_view pattern, absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(pattern, '*');
  if (parts.size() == 1) return pattern == text;
  if (!absl::ConsumePrefix(&text, parts.front()) || !absl::ConsumeSuffix(&text, parts.back()))
    return false;
  for (size_t i = 1; i + 1 < parts.size(); ++i) {
    const size_t at = text.find(parts[i]);
    if (at == absl::string_view::npos) return false;
    text.remove_prefix(at + parts[i].size());
  }
  return true;
}

// Where the port of an authority begins, its colon included; the end if it has none.
size_t PortAt(absl::string_view authority) {
  const size_t colon = authority.rfind(':');
  const size_t bracket = authority.rfind(']');
  const bool has_port =
      colon != absl::string_view::npos && (bracket == absl::string_view::npos || colon > bracket);
  return has_port ? colon : authority.size();
}

// A pattern without a port matches any port.
bool AuthorityCovers(const absl::optional<std::string>& earlier,
                     const absl::optional<std::string>& later) {
  if (!earlier.has_value() || *earlier == "*") return true;
  if (!later.has_value()) return false;
  const std::string pattern = absl::AsciiStrToLower(*earlier);
  absl::string_view text = *later;
  const bool any_port = PortAt(pattern) == pattern.size();
  if (any_port) text = text.substr(0, PortAt(text));
  return Matches(pattern, absl::AsciiStrToLower(text));
}

// Whether what holds for `later` includes all that `earlier` asks.
bool FieldsCover(const core::MatchOptions& earlier, const core::MatchOptions& later) {
  return std::all_of(earlier.fields.begin(), earlier.fields.end(), [&later](const auto& condition) {
    return std::find(later.fields.begin(), later.fields.end(), condition) != later.fields.end();
  });
}

absl::string_view MethodPart(absl::string_view pattern) {
  const size_t slash = pattern.rfind('/');
  return slash == 0 || slash == absl::string_view::npos ? "*" : pattern.substr(slash + 1);
}

// True for "Set", "SetItem", "setItem", "set_item" and "Set*", not for "Settings".
bool BeginsWithWord(absl::string_view method, absl::string_view word) {
  if (!absl::StartsWithIgnoreCase(method, word)) return false;
  return method.size() == word.size() || !absl::ascii_islower(method[word.size()]);
}

// What is wrong with a segment of a path, in which each `*` stands for some characters.
std::string SegmentMistake(absl::string_view segment, bool last) {
  if (segment.empty()) {
    return last ? "ends with \"/\", as no method does; try a \"*\" behind it"
                : "has \"//\", which no method has; write one \"/\"";
  }
  if (segment != "." && segment != "..") return "";
  return absl::StrCat("has the segment ", Quoted(segment), ", which no method has; remove it");
}

// What is wrong behind the first "/".
std::string SegmentsMistake(absl::string_view pattern) {
  const std::vector<absl::string_view> segments = absl::StrSplit(pattern.substr(1), '/');
  for (size_t i = 0; i < segments.size() && pattern != "/"; ++i) {
    std::string mistake = SegmentMistake(segments[i], i + 1 == segments.size());
    if (!mistake.empty()) return mistake;
  }
  if (segments.size() >= 2 || absl::StrContains(pattern, '*')) return "";
  return "matches no call; a method is \"/package.Service/Method\", with \"*\" for any run of "
         "characters, and maybe a prefix such as \"/api\" before it";
}

}  // namespace

std::string MethodPatternMistake(absl::string_view pattern) {
  if (!absl::StartsWith(pattern, "/")) {
    return absl::StrCat("does not begin with \"/\"; try ",
                        Quoted(absl::StrCat("/", pattern.empty() ? "*" : pattern)));
  }
  if (pattern.size() > kLongestPattern)
    return absl::StrCat("is longer than ", kLongestPattern, " characters");
  if (!std::all_of(pattern.begin(), pattern.end(), IsPatternCharacter)) {
    return "has a character that no method has; use visible ASCII without \"?\", \"#\" and \"%\"";
  }
  return SegmentsMistake(pattern);
}

bool Covers(const core::MatchOptions& earlier, const core::MatchOptions& later) {
  return Matches(earlier.method, later.method) &&
         AuthorityCovers(earlier.authority, later.authority) && FieldsCover(earlier, later);
}

std::string WriteWarning(absl::string_view method_pattern, absl::string_view does,
                         absl::string_view consequence) {
  const absl::string_view method = MethodPart(method_pattern);
  if (absl::StartsWith(method, "*")) {
    return absl::StrCat(does, " every method of ", Quoted(method_pattern),
                        ", those that write included; name the methods "
                        "that only read, such as \"/shop.v1.Catalog/Get*\"");
  }
  for (const absl::string_view word : kWrites) {
    if (!BeginsWithWord(method, word)) continue;
    return absl::StrCat(does, " ", Quoted(method_pattern), ", whose name says that it writes; ",
                        consequence);
  }
  return "";
}

}  // namespace singleflight::config
