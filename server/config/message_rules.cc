// Reads the fields of messages that do not count, and refuses what cannot be one.

#include "server/config/message_rules.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"

namespace singleflight::config {
namespace {

constexpr size_t kMostFields = 64;

// Whether one of the two is the beginning of the other, or the same.
template <typename Path>
bool OneInTheOther(const Path& a, const Path& b) {
  const size_t shorter = std::min(a.size(), b.size());
  return std::equal(a.begin(), a.begin() + static_cast<ptrdiff_t>(shorter), b.begin());
}

// A field that is left out with the message that it stands in needs no line of its own; two that
// are the same need one.
bool StandsTwice(const model::FieldPath& path, const model::KeyRules& rules, std::string* other) {
  for (const model::FieldPath& before : rules.ignored_fields) {
    if (!OneInTheOther(before, path)) continue;
    *other = model::ToText(before);
    return true;
  }
  return false;
}

bool StandsTwice(const std::string& names, const model::KeyRules& rules, std::string* other) {
  for (const std::string& before : rules.ignored_names) {
    if (!OneInTheOther(before + ".", names + ".")) continue;
    *other = before;
    return true;
  }
  return false;
}

class Fields {
 public:
  Fields(Mapping& in, model::KeyRules& out, std::vector<Place>* need_schema)
      : in_(in), out_(out), need_schema_(need_schema) {}

  void Add(const std::string& text, const Place& place) {
    const absl::optional<model::FieldPath> numbers = model::ParseFieldPath(text);
    if (!numbers.has_value() && !model::AreFieldNames(text)) return RefusePath(text, place);
    if (out_.ignored_fields.size() + out_.ignored_names.size() == kMostFields) {
      return in_.Refuse(place, absl::StrCat("is one more than the ", kMostFields,
                                            " fields that a route can ignore; remove some"));
    }
    std::string other;
    if (numbers.has_value() ? StandsTwice(*numbers, out_, &other)
                            : StandsTwice(text, out_, &other)) {
      in_.Refuse(place, absl::StrCat(Quoted(text), " and ", Quoted(other),
                                     " are one in the other; remove the longer one"));
    }
    if (numbers.has_value()) return out_.ignored_fields.push_back(*numbers);
    out_.ignored_names.push_back(text);
    need_schema_->push_back(place);
  }

 private:
  void RefusePath(const std::string& text, const Place& place) {
    in_.Refuse(place, absl::StrCat(
                          Quoted(text), " is no path of fields; write the numbers that the .proto ",
                          "file gives them, \"3\", or \"3.2\" for field 2 of the message in ",
                          "field 3; or, with a schema, their names, \"context.request_id\" (",
                          model::kLongestFieldPath, " at most)"));
  }

  Mapping& in_;
  model::KeyRules& out_;
  std::vector<Place>* const need_schema_;
};

}  // namespace

void ReadMessageRules(Mapping& in, model::KeyRules& out, std::vector<Place>* need_schema) {
  Fields fields(in, out, need_schema);
  in.Texts("ignore", [&](const std::string& text, const Place& place) { fields.Add(text, place); });
  in.Flag("canonicalize", &out.canonicalize);
  if (out.canonicalize) need_schema->push_back(in.PlaceOf("canonicalize"));
}

}  // namespace singleflight::config
