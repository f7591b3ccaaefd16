// Reads which metadata counts in keys, and refuses rules that contradict each other or that would
// let callers get each other's replies.

#include "server/config/metadata.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/config/message_rules.h"
#include "server/config/suggest.h"
#include "server/model/request.h"

namespace singleflight::config {
namespace {

struct Name {
  std::string text;
  Place place;
  bool of_set = false;
};

// RFC 9110 §5.1, in the lower case of RFC 9113 §8.2.1, without the `*` that would look like a
// pattern.
bool IsNameCharacter(char c) {
  return absl::ascii_islower(c) || absl::ascii_isdigit(c) || absl::StrContains("!#$&'+-.^_`|~", c);
}

std::string MetadataNameMistake(absl::string_view name) {
  if (absl::StartsWith(name, ":"))
    return "is a pseudo-header, which is no metadata and always counts; remove it";
  const std::string lower = absl::AsciiStrToLower(name);
  const bool valid = !name.empty() && std::all_of(lower.begin(), lower.end(), IsNameCharacter);
  if (valid && lower == name) return "";
  if (valid) return absl::StrCat("is not in lower case; write ", Quoted(lower));
  if (absl::StrContains(name, '*'))
    return "holds a \"*\"; write each name out, or a set: @proxy-headers, @baggage";
  return "is no metadata name; use lower-case letters, digits, \"-\", \"_\" and \".\"";
}

// Adds the name, or the names of the set, to `names`.
void AddNames(Mapping& in, const std::string& text, const Place& place, std::vector<Name>* names) {
  if (!absl::StartsWith(text, "@")) {
    const std::string mistake = MetadataNameMistake(text);
    if (!mistake.empty()) in.Refuse(place, absl::StrCat(Quoted(text), " ", mistake));
    names->push_back({text, place});
    return;
  }
  const std::vector<std::string>* set = model::MetadataSet(text);
  if (set == nullptr) {
    const std::vector<std::string> sets = {"@proxy-headers", "@baggage"};
    return in.Refuse(
        place, absl::StrCat(Quoted(text), " is no set of metadata names", DidYouMean(text, sets),
                            "; there are @proxy-headers and @baggage"));
  }
  for (const std::string& name : *set) names->push_back({name, place, true});
}

// Some metadata always counts, whatever is ignored; some never does.
void RefuseToIgnore(Mapping& in, const std::string& text, const Place& place) {
  if (text == "content-type" || text == "host" || text == model::kChainMarker) {
    in.Refuse(place, absl::StrCat(Quoted(text), " always counts; remove it"));
  }
}
void RefuseToCount(Mapping& in, const std::string& text, const Place& place) {
  if (text == "te" || text == "grpc-timeout" || text == "content-length") {
    in.Refuse(place,
              absl::StrCat(Quoted(text), " is made anew by every hop and never counts; remove it"));
  }
}

// A name that is ignored as one of a set may be taken out of it by `count`.
void RefuseToCountAndIgnore(Mapping& in, const std::vector<Name>& counted,
                            const std::vector<Name>& ignored) {
  for (const Name& name : counted) {
    const auto contradicts = [&](const Name& other) {
      return !other.of_set && other.text == name.text;
    };
    if (std::any_of(ignored.begin(), ignored.end(), contradicts)) {
      in.Refuse(name.place,
                absl::StrCat(Quoted(name.text), " stands in \"ignore\" too; remove one"));
    }
  }
}

std::vector<std::string> SortedOnce(const std::vector<Name>& names) {
  std::vector<std::string> sorted;
  for (const Name& name : names) sorted.push_back(name.text);
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  return sorted;
}

bool ReadIgnored(Mapping& in, std::vector<Name>* ignored) {
  return in.Texts("ignore", [&](const std::string& text, const Place& place) {
    RefuseToIgnore(in, text, place);
    AddNames(in, text, place, ignored);
  });
}

bool ReadCounted(Mapping& in, absl::string_view option, std::vector<Name>* counted) {
  return in.Texts(option, [&](const std::string& text, const Place& place) {
    RefuseToCount(in, text, place);
    AddNames(in, text, place, counted);
  });
}

void RefuseBeside(Mapping& in, absl::string_view option, absl::string_view other) {
  in.Refuse(in.PlaceOf(option), absl::StrCat("stands beside ", Quoted(other),
                                             "; a route has one of the two, remove the other"));
}

void ReadMetadata(Mapping& in, std::vector<Name>* ignored, model::KeyRules& out) {
  std::vector<Name> only, counted;
  const bool ignore = ReadIgnored(in, ignored);
  const bool count = ReadCounted(in, "count", &counted);
  const bool names_only = ReadCounted(in, "only", &only);
  if (names_only && ignore) RefuseBeside(in, "only", "ignore");
  if (names_only && count) RefuseBeside(in, "only", "count");
  RefuseToCountAndIgnore(in, counted, *ignored);
  out.mode = names_only ? model::KeyRules::Mode::kOnly : model::KeyRules::Mode::kAllButNoise;
  out.names = SortedOnce(names_only ? only : *ignored);
  out.counted = SortedOnce(counted);
}

}  // namespace

void ReadKeyRules(Mapping& in, model::KeyRules& out, std::vector<Place>* need_schema) {
  std::vector<Name> ignored;
  in.Section("message", "message: {ignore: [\"3.2\"]}",
             [&](Mapping& section) { ReadMessageRules(section, out, need_schema); });
  in.Section("metadata", "metadata: {ignore: [x-device-id]}",
             [&](Mapping& section) { ReadMetadata(section, &ignored, out); });
  in.Flag("share_across_credentials", &out.share_across_credentials);
  if (out.share_across_credentials) return;
  for (const Name& name : ignored) {
    if (!model::IsCredential(name.text)) continue;
    in.Refuse(
        name.place,
        absl::StrCat(
            Quoted(name.text),
            " says who asks, and callers would get each other's replies; remove "
            "it, or add \"share_across_credentials: true\" to \"key\" if all may see the same"));
  }
}

}  // namespace singleflight::config
