// Tags: names of groups (RFC 9875) that a route makes of fields of request messages.
//
//   item:{1}       with field 1 a 7: "item:7"
//   shop:{2.1}:in  with field 1 of the message in field 2 a text: "shop:b%3A7:in"
//   item:{id}      likewise, by the name that a schema gives the field; without the schema: no tag
//
// A field's value stands in a tag like this:
//
//   varint, 4 or 8 bytes of a fixed size   its bits as an unsigned decimal number; 0: nothing
//   text, bytes                            itself; letters, digits and "-._~" as they are, every
//                                          other byte as "%" and two hexadecimal digits
//   none                                   nothing: a field that is absent has its type's default
//
// So the same value gives the same tag in a read and in a write, however either message holds it.
//
// No value makes the tag of another. Around a field stands a mark, or the end: a character that no
// value has. So a tag falls into words at its marks, and a field is one whole word.

#ifndef SINGLEFLIGHT_SERVER_MODEL_FIELD_TEMPLATE_H_
#define SINGLEFLIGHT_SERVER_MODEL_FIELD_TEMPLATE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/model/field_paths.h"

namespace singleflight::model {

// How many tags one message may have by all templates of a route, and how long each may be.
inline constexpr size_t kMostTags = 32;
inline constexpr size_t kLongestTag = 1024;

// What became of a message's tags.
enum class Tagging {
  kWhole,         // they are all there
  kUnreadable,    // the message, or one inside, is not what the template says
  kTooMany,       // there are more than kMostTags, or one is longer than kLongestTag
  kUnknownField,  // a field has a name, and no number yet
};

// Threads: constant after construction.
class FieldTemplate {
 public:
  // Text as it stands, or a field.
  struct Part {
    std::string text;  // if it is no field
    FieldPath path;
    std::string names = {};  // if that is how the field was written; then it may have no path yet

    bool is_field() const { return !path.empty() || !names.empty(); }
    friend bool operator==(const Part&, const Part&) = default;
  };

  // At least one part; text stands between fields, with marks as above (see ParseFieldTemplate).
  explicit FieldTemplate(std::vector<Part> parts) : parts_(std::move(parts)) {}

  // Adds the tags of `message` to those that are there: one for each value, if a field stands
  // there several times, and for each pair of values of two such fields.
  Tagging AddTags(absl::string_view message, std::vector<std::string>* tags) const;

  // The fields of which it makes tags, as far as their numbers are known.
  std::vector<FieldPath> fields() const;

  // Those that were written by name.
  std::vector<std::string> names() const;

  // The same with the numbers that `path_of` says for names; an empty path: it knows none.
  using PathOf = absl::FunctionRef<FieldPath(const std::string& names)>;
  FieldTemplate With(PathOf path_of) const;

  // As it was written.
  std::string text() const;

  friend bool operator==(const FieldTemplate&, const FieldTemplate&) = default;

 private:
  std::vector<Part> parts_;
};

// The tags of `message` by all of `templates`, each once; nothing: as `why` says.
absl::optional<std::vector<std::string>> TagsOf(const std::vector<FieldTemplate>& templates,
                                                absl::string_view message, Tagging* why);

// A template, or what is wrong with `text`, as a phrase that follows it.
struct ParsedTemplate {
  absl::optional<FieldTemplate> parsed;
  std::string mistake;
};
ParsedTemplate ParseFieldTemplate(absl::string_view text);

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_SERVER_MODEL_FIELD_TEMPLATE_H_
