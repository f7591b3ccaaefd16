#include "server/config/reader.h"

#include <algorithm>
#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/config/suggest.h"

namespace singleflight::config {
namespace {

Place At(const YAML::Mark& mark, std::string path) {
  return {mark.line + 1, mark.column + 1, std::move(path)};
}

std::string Join(const std::string& path, absl::string_view name) {
  return path.empty() ? std::string(name) : absl::StrCat(path, ".", name);
}

// The name of an option as a part of a path.
std::string Shown(absl::string_view name) {
  constexpr size_t kLongest = 64;
  return absl::StrCat(absl::Utf8SafeCHexEscape(name.substr(0, kLongest)),
                      name.size() > kLongest ? "…" : "");
}

constexpr absl::string_view kSectionWanted =
    "; a section is wanted here, with a line \"option: value\" each";

// How a message names what stands in the file.
absl::string_view NameOf(const YAML::Node& node) {
  if (node.IsMap()) return "a section";
  if (node.IsSequence()) return "a list";
  return node.IsScalar() ? "a single value" : "nothing";
}

// A quoted scalar has the tag "!", a plain one "?".
bool HasForeignTag(const YAML::Node& node) {
  const std::string& tag = node.Tag();
  return !tag.empty() && tag != "?" && tag != "!";
}

}  // namespace

void Mapping::ReadRoot(Reading& reading, const YAML::Node& node, Body body) {
  Read(reading, node, Place(), body);
}

void Mapping::Read(Reading& reading, const YAML::Node& node, const Place& place, Body body) {
  Mapping mapping(reading, place);
  if (!mapping.describing() && !mapping.Collect(node)) return;
  body(mapping);
  mapping.RefuseUnknown();
}

// False: `node` is no mapping, and what would be missing in it is not worth a message.
bool Mapping::Collect(const YAML::Node& node) {
  if (!node.IsMap()) {
    Refuse(place_, absl::StrCat(place_.path.empty() ? "the file is " : "is ", NameOf(node),
                                kSectionWanted));
    return false;
  }
  std::map<std::string, int> lines;
  for (const auto& pair : node) CollectEntry(pair.first, pair.second, &lines);
  return true;
}

void Mapping::CollectEntry(const YAML::Node& key, const YAML::Node& value,
                           std::map<std::string, int>* lines) {
  const Place key_place = At(key.Mark(), place_.path);
  if (!SpendValue(key_place)) return;
  if (!key.IsScalar()) return Refuse(key_place, "the name of an option is a single word");
  const std::string& name = key.Scalar();
  const auto [first, is_first] = lines->emplace(name, key_place.line);
  const std::string path = Join(place_.path, Shown(name));
  if (!is_first) {
    return Refuse({key_place.line, key_place.column, path},
                  absl::StrCat("stands here twice, first in line ", first->second, "; remove one"));
  }
  // The parser places an empty value where the next thing stands.
  const Place value_place = At(value.IsNull() ? key.Mark() : value.Mark(), path);
  entries_.push_back({name, {key_place.line, key_place.column, path}, value_place, value});
}

// Bounds what a small file full of aliases can ask for.
bool Mapping::SpendValue(const Place& place) {
  if (reading_.values_left > 0) {
    --reading_.values_left;
    return true;
  }
  if (reading_.values_left == 0) {
    --reading_.values_left;
    Refuse(place, "the file holds too many values, aliases counted as often as they are used");
  }
  return false;
}

Mapping::Entry* Mapping::Take(absl::string_view name, absl::string_view kind,
                              absl::string_view default_value) {
  known_.emplace_back(name);
  if (describing()) {
    reading_.options->push_back(
        {Join(place_.path, name), std::string(kind), std::string(default_value)});
  }
  for (Entry& entry : entries_) {
    if (entry.name != name) continue;
    entry.taken = true;
    if (!entry.value.IsNull()) return &entry;
    Refuse(entry.place, "has no value; give it one or remove it");
  }
  return nullptr;
}

absl::optional<Mapping::Scalar> Mapping::TakeScalar(absl::string_view name, absl::string_view kind,
                                                    absl::string_view default_value) {
  const Entry* entry = Take(name, kind, default_value);
  if (entry == nullptr) return absl::nullopt;
  return ScalarOf(entry->value, entry->place);
}

absl::optional<Mapping::Scalar> Mapping::ScalarOf(const YAML::Node& node, const Place& place) {
  if (!node.IsScalar()) {
    Refuse(place, absl::StrCat("is ", NameOf(node), "; a single value is wanted here"));
    return absl::nullopt;
  }
  if (HasForeignTag(node)) {
    Refuse(place, absl::StrCat("has the tag ", Quoted(node.Tag()),
                               ", which means nothing here; remove it"));
    return absl::nullopt;
  }
  absl::StatusOr<std::string> text = ExpandVariables(node.Scalar(), reading_.environment);
  if (!text.ok()) {
    Refuse(place, text.status().message());
    return absl::nullopt;
  }
  std::string shown = Quoted(*text);
  if (*text != node.Scalar()) absl::StrAppend(&shown, " (from ", Quoted(node.Scalar()), ")");
  return Scalar{*std::move(text), std::move(shown), place};
}

bool Mapping::Section(absl::string_view name, Body body) {
  const Entry* entry = Take(name, "section");
  if (describing()) Read(reading_, YAML::Node(), {1, 1, Join(place_.path, name)}, body);
  if (entry == nullptr) return Has(name);
  Read(reading_, entry->value, entry->place, body);
  return true;
}

bool Mapping::SwitchOrSection(absl::string_view name, Body body) {
  const Entry* entry = Take(name, "true|false|section", "false");
  if (describing()) Read(reading_, YAML::Node(), {1, 1, Join(place_.path, name)}, body);
  if (entry == nullptr) return Has(name);
  if (entry->value.IsMap()) {
    Read(reading_, entry->value, entry->place, body);
    return true;
  }
  const auto scalar = ScalarOf(entry->value, entry->place);
  if (!scalar.has_value()) return true;
  if (scalar->text != "true" && scalar->text != "false") {
    Refuse(scalar->place,
           absl::StrCat(scalar->shown, " is neither true nor false nor a section of options"));
  }
  return scalar->text != "false";
}

void Mapping::Sections(absl::string_view name, absl::string_view cure, Body body) {
  const Entry* entry = Take(name, "list of sections");
  Require(name, cure);
  if (describing()) {
    Read(reading_, YAML::Node(), {1, 1, Join(place_.path, absl::StrCat(name, "[]"))}, body);
  }
  if (entry == nullptr) return;
  if (entry->value.IsSequence() && entry->value.size() == 0) {
    Refuse(entry->place, absl::StrCat("is empty; ", cure));
  }
  ReadItems(*entry,
            [&](const YAML::Node& item, const Place& place) { Read(reading_, item, place, body); });
}

bool Mapping::Texts(absl::string_view name, Each each) {
  const Entry* entry = Take(name, "list");
  if (entry == nullptr) return Has(name);
  ReadItems(*entry, [&](const YAML::Node& item, const Place& place) {
    const auto scalar = ScalarOf(item, place);
    if (scalar.has_value()) each(scalar->text, place);
  });
  return true;
}

void Mapping::ReadItems(const Entry& entry,
                        absl::FunctionRef<void(const YAML::Node&, const Place&)> read) {
  if (!entry.value.IsSequence()) {
    Refuse(entry.place, absl::StrCat("is ", NameOf(entry.value),
                                     "; a list is wanted here, each entry begun with \"- \""));
    return;
  }
  int index = 0;
  for (const YAML::Node& item : entry.value) {
    Place place = item.IsNull() ? entry.place : At(item.Mark(), "");
    place.path = absl::StrCat(entry.place.path, "[", index++, "]");
    if (!SpendValue(place)) return;
    read(item, place);
  }
}

void Mapping::Require(absl::string_view name, absl::string_view cure) {
  if (describing()) {
    for (Option& option : *reading_.options)
      option.required |= option.path == Join(place_.path, name);
  }
  if (!Has(name)) Refuse(place_, absl::StrCat("\"", name, "\" is missing; ", cure));
}

bool Mapping::Has(absl::string_view name) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const Entry& entry) { return entry.name == name; });
}

Place Mapping::PlaceOf(absl::string_view name) const {
  for (const Entry& entry : entries_) {
    if (entry.name == name) return entry.place;
  }
  return place_;
}

void Mapping::RefuseUnknown() {
  for (const Entry& entry : entries_) {
    if (entry.taken) continue;
    if (entry.name == "<<") {
      Refuse(entry.name_place,
             "merging is not supported; write the options out, or alias a whole section");
      continue;
    }
    Refuse(entry.name_place, absl::StrCat("unknown option", DidYouMean(entry.name, known_),
                                          "; allowed here: ", absl::StrJoin(known_, ", ")));
  }
}

}  // namespace singleflight::config
