// Messages that are looked into by field: conditions and templates, whatever both are.

#include <algorithm>
#include <string>
#include <vector>

#include "server/base/check.h"
#include "server/model/field_condition.h"
#include "server/model/field_template.h"
#include "server/model/field_values.h"
#include "tests/fuzz/input.h"

namespace singleflight::model {
namespace {

FieldPath PathFrom(fuzz::Input& input) {
  FieldPath path;
  do {
    path.push_back(static_cast<uint32_t>(1 + input.Below(4)));
  } while (path.size() < kLongestFieldPath && input.Chance());
  return path;
}

// A field has one value at most, and none where the message cannot be read.
void CheckConditions(const FieldPath& path, absl::string_view message) {
  const auto matches = [&](FieldScalar wanted) {
    return FieldCondition{path, std::move(wanted)}.Matches(message);
  };
  int visits = 0;
  const bool read = ForEachFieldAt(message, path, [&](const wire::ProtobufField*) { ++visits; });
  SF_CHECK(!read || visits > 0);
  const bool yes = matches(true), no = matches(false), zero = matches(WholeNumber{0});
  const bool empty = matches(std::string()), text = matches(std::string("a"));
  SF_CHECK(!(yes && no) && !(yes && zero) && !(empty && text) && !(text && (yes || zero)));
  SF_CHECK(!no || zero);
  if (!read) SF_CHECK(!yes && !no && !zero && !empty && !text);
  if (!IsProtobuf(message)) SF_CHECK(!read);
}

void CheckTemplates(const std::string& text, const FieldPath& path, absl::string_view message) {
  const ParsedTemplate made = ParseFieldTemplate(text);
  SF_CHECK(made.parsed.has_value() == made.mistake.empty());
  if (made.parsed.has_value()) SF_CHECK(made.parsed->text() == text);
  std::vector<FieldTemplate> templates = {
      *ParseFieldTemplate("t:{" + ToText(path) + "}/{1}").parsed};
  if (made.parsed.has_value()) templates.push_back(*made.parsed);
  Tagging why = Tagging::kWhole;
  const auto tags = TagsOf(templates, message, &why);
  SF_CHECK(tags.has_value() == (why == Tagging::kWhole));
  if (!tags.has_value()) return;
  SF_CHECK(!tags->empty() && tags->size() <= kMostTags && IsProtobuf(message));
  for (const std::string& tag : *tags) {
    SF_CHECK(tag.size() <= kLongestTag);
    SF_CHECK(std::count(tags->begin(), tags->end(), tag) == 1);
    for (const char c : tag) SF_CHECK(c >= 0x20 && c <= 0x7e);
  }
  SF_CHECK(std::count(tags->front().begin(), tags->front().end(), '/') == 1);
}

}  // namespace
}  // namespace singleflight::model

// A path, a template, and a message.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace singleflight;
  fuzz::Input input(data, size);
  const model::FieldPath path = model::PathFrom(input);
  const std::string text = input.Text();
  const absl::string_view message = input.Rest();
  model::CheckConditions(path, message);
  model::CheckTemplates(text, path, message);
  return 0;
}
