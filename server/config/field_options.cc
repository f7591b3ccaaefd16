// Reads what routes ask of fields of messages. A value says by how it is written which types of
// field are meant, so what may be meant in two ways is refused.

#include "server/config/field_options.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"

namespace singleflight::config {
namespace {

constexpr size_t kMostConditions = 16;

std::string FieldPathMistake() {
  return absl::StrCat(
      "is no path of fields; write the number that the .proto file gives the field, \"7\", or "
      "\"3.2\" for field 2 of the message in field 3; or, with a schema, its name, \"item.id\" (",
      model::kLongestFieldPath, " at most)");
}

bool IsNumberLike(absl::string_view text) {
  if (absl::StartsWith(text, "-") || absl::StartsWith(text, "+")) text.remove_prefix(1);
  if (absl::StartsWith(text, ".")) text.remove_prefix(1);
  return !text.empty() && absl::ascii_isdigit(static_cast<unsigned char>(text[0]));
}

absl::optional<model::WholeNumber> ParseNumber(absl::string_view text) {
  const absl::string_view digits = text.substr(absl::StartsWith(text, "-") ? 1 : 0);
  if (digits.empty() || digits.find_first_not_of("0123456789") != absl::string_view::npos) {
    return absl::nullopt;
  }
  uint64_t bits = 0;
  if (digits.size() == text.size()) {
    if (!absl::SimpleAtoi(text, &bits)) return absl::nullopt;
    return model::WholeNumber{bits};
  }
  int64_t number = 0;
  if (!absl::SimpleAtoi(text, &number)) return absl::nullopt;
  return model::WholeNumber{static_cast<uint64_t>(number)};
}

// Words by which other dialects of YAML mean a value that is no text.
bool IsNoText(absl::string_view text) {
  const std::string lower = absl::AsciiStrToLower(text);
  for (const char* word : {"true", "false", "yes", "no", "on", "off", "null", "~", ""}) {
    if (lower == word) return true;
  }
  return false;
}

// Nothing: it may mean two things, or what no field holds.
absl::optional<model::FieldScalar> ParseScalar(const Mapping::Pair& pair) {
  if (pair.quoted) return model::FieldScalar(pair.value);
  if (pair.value == "true" || pair.value == "false") {
    return model::FieldScalar(pair.value == "true");
  }
  if (IsNumberLike(pair.value)) {
    const absl::optional<model::WholeNumber> number = ParseNumber(pair.value);
    if (!number.has_value()) return absl::nullopt;
    return model::FieldScalar(*number);
  }
  if (IsNoText(pair.value)) return absl::nullopt;
  return model::FieldScalar(pair.value);
}

void ReadCondition(Mapping& in, const Mapping::Pair& pair, std::vector<model::FieldCondition>& out,
                   std::vector<Place>* need_schema) {
  const absl::optional<model::FieldPath> path = model::ParseFieldPath(pair.name);
  if (!path.has_value() && !model::AreFieldNames(pair.name)) {
    return in.Refuse(pair.name_place, absl::StrCat(Quoted(pair.name), " ", FieldPathMistake()));
  }
  absl::optional<model::FieldScalar> wanted = ParseScalar(pair);
  if (!wanted.has_value()) {
    return in.Refuse(pair.place,
                     absl::StrCat(Quoted(pair.value),
                                  " is no value that a field can be compared with; write "
                                  "true, false, a whole number, or a text in quotes"));
  }
  if (out.size() == kMostConditions) {
    return in.Refuse(pair.name_place, absl::StrCat("is one more than the ", kMostConditions,
                                                   " fields that a route can ask; remove some"));
  }
  if (path.has_value()) return out.push_back({*path, *std::move(wanted)});
  out.push_back({{}, *std::move(wanted), pair.name});
  need_schema->push_back(pair.name_place);
}

// Whether one of two paths of names leads into what is at the other.
bool OneLeadsIntoTheOther(const std::string& a, const std::string& b) {
  return absl::StartsWith(absl::StrCat(a, "."), absl::StrCat(b, ".")) ||
         absl::StartsWith(absl::StrCat(b, "."), absl::StrCat(a, "."));
}

// What the key leaves out of that which the tag is made of, as it is written; empty: nothing.
std::string IgnoredIn(const model::FieldTemplate& tag, const model::KeyRules& key) {
  for (const model::FieldPath& field : tag.fields()) {
    for (const model::FieldPath& ignored : key.ignored_fields) {
      if (!model::StandsIn(field, ignored) && !model::StandsIn(ignored, field)) continue;
      return model::ToText(ignored);
    }
  }
  for (const std::string& name : tag.names()) {
    for (const std::string& ignored : key.ignored_names) {
      if (OneLeadsIntoTheOther(name, ignored)) return ignored;
    }
  }
  return "";
}

}  // namespace

void ReadFieldConditions(Mapping& in, std::vector<model::FieldCondition>& out,
                         std::vector<Place>* need_schema) {
  const size_t mistakes = in.mistakes();
  const bool there = in.Pairs("field", "field: {\"7\": true}", [&](const Mapping::Pair& pair) {
    ReadCondition(in, pair, out, need_schema);
  });
  if (!there || !out.empty() || in.mistakes() != mistakes) return;
  in.Refuse(in.PlaceOf("field"), "names no field; write one, such as \"field: {\"7\": true}\"");
}

void ReadTemplates(Mapping& in, absl::string_view name, std::vector<model::FieldTemplate>& out,
                   std::vector<Place>* need_schema) {
  const size_t mistakes = in.mistakes();
  const bool there = in.Texts(name, [&](const std::string& text, const Place& place) {
    model::ParsedTemplate made = model::ParseFieldTemplate(text);
    if (!made.parsed.has_value()) {
      return in.Refuse(place, absl::StrCat(Quoted(text), " ", made.mistake));
    }
    if (std::find(out.begin(), out.end(), *made.parsed) != out.end()) {
      return in.Refuse(place, absl::StrCat(Quoted(text), " stands here twice; remove one"));
    }
    if (out.size() == model::kMostTags) {
      return in.Refuse(place, absl::StrCat("is one more than the ", model::kMostTags,
                                           " that a message can have; remove some"));
    }
    if (!made.parsed->names().empty()) need_schema->push_back(place);
    out.push_back(*std::move(made.parsed));
  });
  if (!there || !out.empty() || in.mistakes() != mistakes) return;
  in.Refuse(in.PlaceOf(name),
            absl::StrCat("is empty; write some, such as \"", name, ": [\"item:{1}\"]\""));
}

// What shares calls is declared to be a read (RFC 9875 §3 has the same of safe methods).
void ReadInvalidates(Mapping& in, core::RouteOptions& out, std::vector<Place>* need_schema) {
  ReadTemplates(in, "invalidates", out.invalidates, need_schema);
  if (!in.Has("invalidates")) return;
  for (const char* other : {"collapse", "cache"}) {
    const bool on =
        absl::string_view(other) == "cache" ? out.cache.has_value() : out.collapse.has_value();
    if (!on) continue;
    in.Refuse(in.PlaceOf("invalidates"),
              absl::StrCat("says that the route's calls write, and \"", other,
                           "\" that they only read; remove one of the two, or make two routes"));
  }
}

// Callers that differ in such a field share a reply, which would have the tags of one of them.
void RefuseIgnoredTags(Mapping& in, const core::RouteOptions& route) {
  for (const model::FieldTemplate& tag : route.tags) {
    const std::string ignored = IgnoredIn(tag, route.key);
    if (ignored.empty()) continue;
    return in.Refuse(
        in.PlaceOf("cache"),
        absl::StrCat("has the tag ", Quoted(tag.text()),
                     " of a field that \"key.message.ignore\" leaves out (", Quoted(ignored),
                     "): callers share what only one of them is tagged for; remove "
                     "one of the two"));
  }
}

}  // namespace singleflight::config
