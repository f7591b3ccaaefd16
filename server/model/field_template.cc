// Tags are made part by part: a text goes behind each of those begun so far, and a field with
// several values takes the place of each by as many. All are bounded while they grow.

#include "server/model/field_template.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/model/field_values.h"

namespace singleflight::model {
namespace {

using Tags = std::vector<std::string>;
using Part = FieldTemplate::Part;

bool StandsInValues(unsigned char c) {
  return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

// What separates words of a tag. "%" is what values are escaped with.
bool IsMark(unsigned char c) { return absl::ascii_isgraph(c) && !StandsInValues(c) && c != '%'; }

std::string Escaped(absl::string_view bytes) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (StandsInValues(byte)) {
      text.push_back(c);
    } else {
      text.append({'%', kDigits[byte >> 4], kDigits[byte & 15]});
    }
  }
  return text;
}

// Nothing: it would be too long.
absl::optional<std::string> WordOf(const wire::ProtobufField* field) {
  if (field == nullptr) return std::string();
  if (field->type != wire::ProtobufField::Type::kLengthDelimited) {
    const uint64_t number = NumberIn(*field);
    return number == 0 ? std::string() : absl::StrCat(number);
  }
  if (field->value.size() > kLongestTag) return absl::nullopt;
  return Escaped(field->value);
}

bool Has(const Tags& tags, const std::string& tag) {
  return std::find(tags.begin(), tags.end(), tag) != tags.end();
}

// The field's values, each once.
Tagging WordsAt(absl::string_view message, const FieldPath& path, Tags* words) {
  bool bounded = true;
  const bool read = ForEachFieldAt(message, path, [&](const wire::ProtobufField* field) {
    if (!bounded) return;
    absl::optional<std::string> word = WordOf(field);
    bounded = word.has_value() && (Has(*words, *word) || words->size() < kMostTags);
    if (bounded && !Has(*words, *word)) words->push_back(*std::move(word));
  });
  if (!read) return Tagging::kUnreadable;
  return bounded ? Tagging::kWhole : Tagging::kTooMany;
}

// Each of `begun` goes on with each of `words`.
Tagging GoOn(const Tags& words, Tags* begun) {
  if (begun->size() * words.size() > kMostTags) return Tagging::kTooMany;
  Tags longer;
  for (const std::string& tag : *begun) {
    for (const std::string& word : words) {
      if (tag.size() + word.size() > kLongestTag) return Tagging::kTooMany;
      longer.push_back(absl::StrCat(tag, word));
    }
  }
  *begun = std::move(longer);
  return Tagging::kWhole;
}

// The text up to a field's "{", or to the end.
std::string TextMistake(absl::string_view text) {
  const auto wrong = [](unsigned char c) {
    return !absl::ascii_isprint(c) || c == '%' || c == '}';
  };
  if (std::none_of(text.begin(), text.end(), wrong)) return "";
  return "has a character that stands in no tag; use printable ASCII without \"%\", and braces "
         "around fields only";
}

std::string FieldMistake(absl::string_view inside) {
  return absl::StrCat("has \"{", inside,
                      "}\", which is no path of fields; write \"{1}\", or \"{2.1}\" for field 1 of "
                      "the message in field 2, or with a schema \"{item.id}\"");
}

constexpr absl::string_view kNoMark =
    "has a field that no mark sets apart, so two values could make one tag; write a character such "
    "as \":\" or \"/\" before each field, and behind it unless the tag ends there";

std::string MarksMistake(const std::vector<Part>& parts) {
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i].is_field()) continue;
    const bool before = i > 0 && !parts[i - 1].is_field() &&
                        IsMark(static_cast<unsigned char>(parts[i - 1].text.back()));
    const bool behind =
        i + 1 == parts.size() ||
        (!parts[i + 1].is_field() && IsMark(static_cast<unsigned char>(parts[i + 1].text.front())));
    if (!before || !behind) return std::string(kNoMark);
  }
  return "";
}

// Takes a text and the field behind it, as far as they are there, off the front.
std::string TakeParts(absl::string_view* rest, std::vector<Part>* parts) {
  const size_t open = std::min(rest->find('{'), rest->size());
  const absl::string_view text = rest->substr(0, open);
  rest->remove_prefix(open);
  if (std::string mistake = TextMistake(text); !mistake.empty()) return mistake;
  if (!text.empty()) parts->push_back({std::string(text), {}});
  if (rest->empty()) return "";
  const size_t close = rest->find('}');
  if (close == absl::string_view::npos) return "has a \"{\" without its \"}\"; add that";
  const absl::string_view inside = rest->substr(1, close - 1);
  rest->remove_prefix(close + 1);
  const absl::optional<FieldPath> path = ParseFieldPath(inside);
  if (path.has_value()) {
    parts->push_back({"", *path});
  } else if (AreFieldNames(inside)) {
    parts->push_back({"", {}, std::string(inside)});
  } else {
    return FieldMistake(inside);
  }
  return "";
}

}  // namespace

Tagging FieldTemplate::AddTags(absl::string_view message, Tags* tags) const {
  Tags begun = {""};
  for (const Part& part : parts_) {
    Tags words;
    Tagging done = Tagging::kWhole;
    if (!part.is_field()) {
      words.push_back(part.text);
    } else if (part.path.empty()) {
      done = Tagging::kUnknownField;
    } else {
      done = WordsAt(message, part.path, &words);
    }
    if (done == Tagging::kWhole) done = GoOn(words, &begun);
    if (done != Tagging::kWhole) return done;
  }
  for (std::string& tag : begun) {
    if (Has(*tags, tag)) continue;
    if (tags->size() == kMostTags) return Tagging::kTooMany;
    tags->push_back(std::move(tag));
  }
  return Tagging::kWhole;
}

std::vector<FieldPath> FieldTemplate::fields() const {
  std::vector<FieldPath> fields;
  for (const Part& part : parts_) {
    if (!part.path.empty()) fields.push_back(part.path);
  }
  return fields;
}

std::vector<std::string> FieldTemplate::names() const {
  std::vector<std::string> names;
  for (const Part& part : parts_) {
    if (!part.names.empty()) names.push_back(part.names);
  }
  return names;
}

FieldTemplate FieldTemplate::With(PathOf path_of) const {
  std::vector<Part> parts = parts_;
  for (Part& part : parts) {
    if (!part.names.empty()) part.path = path_of(part.names);
  }
  return FieldTemplate(std::move(parts));
}

std::string FieldTemplate::text() const {
  std::string text;
  for (const Part& part : parts_) {
    if (!part.is_field()) {
      absl::StrAppend(&text, part.text);
    } else {
      absl::StrAppend(&text, "{", part.names.empty() ? ToText(part.path) : part.names, "}");
    }
  }
  return text;
}

absl::optional<Tags> TagsOf(const std::vector<FieldTemplate>& templates, absl::string_view message,
                            Tagging* why) {
  Tags tags;
  *why = IsProtobuf(message) ? Tagging::kWhole : Tagging::kUnreadable;
  for (const FieldTemplate& one : templates) {
    if (*why == Tagging::kWhole) *why = one.AddTags(message, &tags);
  }
  if (*why != Tagging::kWhole) return absl::nullopt;
  return tags;
}

ParsedTemplate ParseFieldTemplate(absl::string_view text) {
  if (text.empty()) return {absl::nullopt, "is empty; write a name such as \"item:{1}\""};
  if (text.size() > kLongestTag) {
    return {absl::nullopt, absl::StrCat("is longer than ", kLongestTag, " characters")};
  }
  std::vector<Part> parts;
  for (absl::string_view rest = text; !rest.empty();) {
    std::string mistake = TakeParts(&rest, &parts);
    if (!mistake.empty()) return {absl::nullopt, std::move(mistake)};
  }
  if (std::string mistake = MarksMistake(parts); !mistake.empty()) return {absl::nullopt, mistake};
  return {FieldTemplate(std::move(parts)), ""};
}

}  // namespace singleflight::model
