// Puts a `key:` together by the rules in force less the headers or fields that kept calls apart.

#include "server/survey/cure.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/model/request.h"
#include "server/survey/components.h"

namespace singleflight::survey {
namespace {

using Names = std::vector<std::string>;

constexpr absl::string_view kSets[] = {"@proxy-headers", "@baggage"};

// That a rule of keys may name, and that is shown whole.
bool IsHeader(absl::string_view name) {
  return !name.empty() && name != kOther && name != model::kChainMarker &&
         !model::IsOutsideMetadata(name) && KindOfMetadata(name) == SplitKind::kMetadata &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-' || c == '_' ||
                  c == '.';
         });
}

// What YAML might take for something else than a text stands in quotes.
std::string Quoted(const std::string& name) {
  constexpr absl::string_view kWords[] = {"true", "false", "null", "yes", "no",
                                          "on",   "off",   "y",    "n"};
  const bool plain = absl::ascii_islower(name.front()) &&
                     std::find(std::begin(kWords), std::end(kWords), name) == std::end(kWords);
  return plain ? name : absl::StrCat("\"", name, "\"");
}

void Remove(const Names& gone, Names& names) {
  std::erase_if(names, [&gone](const std::string& name) {
    return std::find(gone.begin(), gone.end(), name) != gone.end();
  });
}

bool Holds(const Names& names, const Names& all) {
  return std::all_of(all.begin(), all.end(), [&names](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  });
}

// With the sets by their names, as people write them.
std::string List(Names names) {
  std::vector<std::string> items;
  for (const absl::string_view set : kSets) {
    if (!Holds(names, *model::MetadataSet(set))) continue;
    Remove(*model::MetadataSet(set), names);
    items.push_back(absl::StrCat("\"", set, "\""));
  }
  for (const std::string& name : names) items.push_back(Quoted(name));
  return absl::StrCat("[", absl::StrJoin(items, ", "), "]");
}

std::string MetadataRules(const model::KeyRules& rules) {
  std::vector<std::string> parts;
  if (rules.mode == model::KeyRules::Mode::kOnly) {
    parts.push_back(absl::StrCat("only: ", List(rules.names)));
  } else {
    if (!rules.names.empty()) parts.push_back(absl::StrCat("ignore: ", List(rules.names)));
    if (!rules.counted.empty()) parts.push_back(absl::StrCat("count: ", List(rules.counted)));
  }
  return parts.empty() ? "" : absl::StrCat("metadata: {", absl::StrJoin(parts, ", "), "}");
}

std::string MessageRules(const model::KeyRules& rules) {
  std::vector<std::string> paths, parts;
  for (const model::FieldPath& path : rules.ignored_fields) {
    paths.push_back(absl::StrCat("\"", model::ToText(path), "\""));
  }
  for (const std::string& name : rules.ignored_names) paths.push_back(Quoted(name));
  if (!paths.empty()) parts.push_back(absl::StrCat("ignore: [", absl::StrJoin(paths, ", "), "]"));
  if (rules.canonicalize) parts.emplace_back("canonicalize: true");
  return parts.empty() ? "" : absl::StrCat("message: {", absl::StrJoin(parts, ", "), "}");
}

std::string KeyLine(const model::KeyRules& rules) {
  std::vector<std::string> parts = {
      MetadataRules(rules), MessageRules(rules),
      rules.share_across_credentials ? "share_across_credentials: true" : ""};
  std::erase(parts, "");
  return absl::StrCat("key: {", absl::StrJoin(parts, ", "), "}");
}

// The rules by which `headers` would not count.
model::KeyRules Without(const Names& headers, model::KeyRules rules) {
  Remove(headers, rules.names);
  if (rules.mode == model::KeyRules::Mode::kOnly) return rules;
  Remove(headers, rules.counted);
  std::copy_if(headers.begin(), headers.end(), std::back_inserter(rules.names),
               [](const std::string& name) { return !model::IsNoise(name); });
  return rules;
}

// A field is as often what is asked for as it is noise, so this is no line to be copied.
std::string CureOfFields(absl::string_view names, model::KeyRules rules) {
  for (const absl::string_view name : absl::StrSplit(names, ", ")) {
    const absl::optional<model::FieldPath> path = model::ParseFieldPath(name);
    if (!path.has_value()) return "";
    std::erase_if(rules.ignored_fields,
                  [&](const model::FieldPath& ignored) { return model::StandsIn(ignored, *path); });
    rules.ignored_fields.push_back(*path);
  }
  return absl::StrCat("# ", KeyLine(rules), " would, if no reply depends on ",
                      absl::StrContains(names, ',') ? "fields " : "field ", names,
                      ": a request's id or a time, and not what is asked for");
}

}  // namespace

std::string CureOf(const Split& split, const model::KeyRules& rules) {
  if (split.kind == SplitKind::kCredential) {
    return absl::StrCat(
        "# share_across_credentials: true would; it lets callers have replies made for ",
        "others, a decision about who may see what");
  }
  if (split.kind == SplitKind::kField) return CureOfFields(split.name, rules);
  if (split.kind != SplitKind::kMetadata && split.kind != SplitKind::kSeveral) return "";
  const Names headers = absl::StrSplit(split.name, ", ");
  if (!std::all_of(headers.begin(), headers.end(), IsHeader)) return "";
  return absl::StrCat(KeyLine(Without(headers, rules)), "  # if no reply depends on ", split.name);
}

}  // namespace singleflight::survey
