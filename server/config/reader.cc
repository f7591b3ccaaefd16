// One mapping of the file, and the options that are taken from it by name.
//
// A mapping is read in three steps. Collect goes through it once: it merges what `<<` names, and
// refuses keys that stand twice. Then the body asks for the options that it knows, in any order;
// each is marked as taken. At the end RefuseUnknown refuses the others, with the nearest name that
// somebody asked for. So the code that reads an option is the only place that knows of it.
//
// With Reading::options set, the same body runs without a file and lists what it asks for. Tests
// compare the reference with that list, so it cannot lag behind the parser.
//
// Aliases may stand within what they are aliases of, and a small file may ask for billions of
// values with them. So depths are bounded, and all values that are read are counted (SpendValue).

#include "server/config/reader.h"

#include <algorithm>
#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
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

// Aliases may stand within what they are aliases of.
constexpr int kMostMerges = 8;

std::string Wanted(absl::string_view what, absl::string_view usual, absl::string_view example) {
  return example.empty() ? absl::StrCat("; ", what, " is wanted here, ", usual)
                         : absl::StrCat("; ", what, " is wanted here, try \"", example, "\"");
}

std::string SectionWanted(absl::string_view example) {
  return Wanted("a section", "with a line \"option: value\" each", example);
}

// What the author may have meant, going by other dialects of YAML; empty: no idea.
absl::string_view Boolean(absl::string_view text) {
  const std::string lower = absl::AsciiStrToLower(text);
  for (const absl::string_view yes : {"true", "yes", "on", "y", "1"}) {
    if (lower == yes) return "; try \"true\"";
  }
  for (const absl::string_view no : {"false", "no", "off", "n", "0"}) {
    if (lower == no) return "; try \"false\"";
  }
  return "";
}

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
  Read(reading, node, Place(), "", body);
}

void Mapping::Read(Reading& reading, const YAML::Node& node, const Place& place,
                   absl::string_view example, Body body) {
  Mapping mapping(reading, place);
  if (!mapping.describing() && !mapping.Collect(node, example)) return;
  body(mapping);
  mapping.RefuseUnknown();
}

// False: `node` is no mapping. Then no option is missing in it: one message is enough.
bool Mapping::Collect(const YAML::Node& node, absl::string_view example) {
  if (!node.IsMap()) {
    Refuse(place_, absl::StrCat(place_.path.empty() ? "the file is " : "is ", NameOf(node),
                                SectionWanted(example)));
    return false;
  }
  std::map<std::string, int> lines;
  for (const auto& pair : node) CollectEntry(pair.first, pair.second, &lines);
  for (const auto& pair : node) {  // options here go before merged ones
    if (pair.first.IsScalar() && pair.first.Scalar() == "<<") {
      Merge(pair.second, At(pair.first.Mark(), Join(place_.path, "<<")), 0);
    }
  }
  return true;
}

// "<<: *name", or a list of those (YAML's merge keys). Earlier ones go before later ones.
void Mapping::Merge(const YAML::Node& value, const Place& place, int depth) {
  if (depth == kMostMerges) return Refuse(place, "merges what merges it; remove one of the two");
  if (value.IsMap()) return MergeFrom(value, depth);
  const bool list = value.IsSequence() && value.size() > 0;
  if (list &&
      std::all_of(value.begin(), value.end(), [](const auto& item) { return item.IsMap(); })) {
    for (const YAML::Node& item : value) MergeFrom(item, depth);
    return;
  }
  Refuse(place, absl::StrCat("is ", NameOf(value),
                             "; a section is merged, try \"x-name: &name {option: value}\" above "
                             "and \"<<: *name\" here"));
}

void Mapping::MergeFrom(const YAML::Node& node, int depth) {
  for (const auto& pair : node) {
    const Place place = At(pair.first.Mark(), Join(place_.path, "<<"));
    if (pair.first.IsScalar() && pair.first.Scalar() == "<<") {
      if (!SpendValue(place)) return;
      Merge(pair.second, place, depth + 1);
    } else if (pair.first.IsScalar() && !Has(pair.first.Scalar())) {
      std::map<std::string, int> lines;
      CollectEntry(pair.first, pair.second, &lines);
    }
  }
}

void Mapping::CollectEntry(const YAML::Node& key, const YAML::Node& value,
                           std::map<std::string, int>* lines) {
  const Place key_place = At(key.Mark(), place_.path);
  if (!SpendValue(key_place)) return;
  if (!key.IsScalar()) return Refuse(key_place, "the name of an option is a single word");
  const std::string& name = key.Scalar();
  if (name == "<<") return;  // see Merge
  const auto [first, is_first] = lines->emplace(name, key_place.line);
  const std::string path = Join(place_.path, Shown(name));
  if (!is_first) {
    return Refuse({key_place.line, key_place.column, path},
                  absl::StrCat("stands here twice, first in line ", first->second, "; remove one"));
  }
  // The parser gives an empty value the place of the next thing in the file.
  const Place value_place = At(value.IsNull() ? key.Mark() : value.Mark(), path);
  if (!absl::StrContains(path, '[')) reading_.places.emplace(path, value_place);
  entries_.push_back({name, {key_place.line, key_place.column, path}, value_place, value});
}

// Bounds the work that a small file full of aliases can ask for.
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

bool Mapping::Section(absl::string_view name, absl::string_view example, Body body) {
  const Entry* entry = Take(name, "section");
  if (describing()) Read(reading_, YAML::Node(), {1, 1, Join(place_.path, name)}, "", body);
  if (entry == nullptr) return Has(name);
  Read(reading_, entry->value, entry->place, example, body);
  return true;
}

bool Mapping::SwitchOrSection(absl::string_view name, Body body, bool on, Word word) {
  const std::string kind =
      absl::StrCat("true|false|", word.text, word.text.empty() ? "" : "|", "section");
  const Entry* entry = Take(name, kind, on ? "true" : "false");
  if (describing()) Read(reading_, YAML::Node(), {1, 1, Join(place_.path, name)}, "", body);
  if (entry == nullptr) return on || Has(name);
  if (entry->value.IsMap()) {
    Read(reading_, entry->value, entry->place, "", body);
    return true;
  }
  const auto scalar = ScalarOf(entry->value, entry->place);
  if (!scalar.has_value()) return true;
  if (word.said != nullptr && scalar->text == word.text) return *word.said = true;
  if (scalar->text != "true" && scalar->text != "false") {
    Refuse(scalar->place,
           absl::StrCat(scalar->shown, " is neither true nor false ",
                        word.text.empty() ? "" : absl::StrCat("nor ", word.text, " "),
                        "nor a section of options", Boolean(scalar->text)));
  }
  return scalar->text != "false";
}

void Mapping::Sections(absl::string_view name, absl::string_view example, Body body) {
  const std::string cure = absl::StrCat("add one, such as \"", example, "\"");
  const Entry* entry = Take(name, "list of sections");
  Require(name, cure);
  if (describing()) {
    Read(reading_, YAML::Node(), {1, 1, Join(place_.path, absl::StrCat(name, "[]"))}, "", body);
  }
  if (entry == nullptr) return;
  if (entry->value.IsSequence() && entry->value.size() == 0) {
    Refuse(entry->place, absl::StrCat("is empty; ", cure));
  }
  ReadItems(*entry, example, [&](const YAML::Node& item, const Place& place) {
    Read(reading_, item, place, example, body);
  });
}

bool Mapping::Texts(absl::string_view name, Each each) {
  const Entry* entry = Take(name, "list");
  if (entry == nullptr) return Has(name);
  const std::string example =
      entry->value.IsScalar() ? absl::StrCat(name, ": [", entry->value.Scalar(), "]") : "";
  ReadItems(*entry, example, [&](const YAML::Node& item, const Place& place) {
    const auto scalar = ScalarOf(item, place);
    if (scalar.has_value()) each(scalar->text, place);
  });
  return true;
}

bool Mapping::Pairs(absl::string_view name, absl::string_view example, EachPair each) {
  const Entry* entry = Take(name, "mapping");
  if (entry == nullptr) return Has(name);
  Read(reading_, entry->value, entry->place, example, [&](Mapping& all) { all.TakeAll(each); });
  return true;
}

void Mapping::TakeAll(EachPair each) {
  for (Entry& entry : entries_) {
    entry.taken = true;
    const auto scalar = ScalarOf(entry.value, entry.place);
    if (!scalar.has_value()) continue;
    each({entry.name, entry.name_place, scalar->text, entry.value.Tag() == "!", entry.place});
  }
}

void Mapping::ReadItems(const Entry& entry, absl::string_view example,
                        absl::FunctionRef<void(const YAML::Node&, const Place&)> read) {
  if (!entry.value.IsSequence()) {
    Refuse(entry.place, absl::StrCat("is ", NameOf(entry.value),
                                     Wanted("a list", "each entry begun with \"- \"", example)));
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

void Mapping::Ignore(absl::string_view prefix) {
  for (Entry& entry : entries_) {
    if (absl::StartsWith(entry.name, prefix)) entry.taken = true;
  }
}

void Mapping::RefuseUnknown() {
  for (const Entry& entry : entries_) {
    if (!entry.taken) RefuseUnknown(entry);
  }
}

void Mapping::RefuseUnknown(const Entry& entry) {
  for (const std::string& option : known_) {
    if (!absl::StartsWith(entry.name, absl::StrCat(option, ":"))) continue;
    return Refuse(
        entry.name_place,
        absl::StrCat("has no space behind the first colon; try ",
                     Quoted(absl::StrCat(option, ": ", entry.name.substr(option.size() + 1)))));
  }
  Refuse(entry.name_place, absl::StrCat("unknown option", DidYouMean(entry.name, known_),
                                        "; allowed here: ", absl::StrJoin(known_, ", ")));
}

}  // namespace singleflight::config
