// The options that hold a single value, by type.

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/config/reader.h"
#include "server/config/scalars.h"
#include "server/config/suggest.h"

namespace singleflight::config {

bool Mapping::Duration(absl::string_view name, absl::Duration* out, absl::Duration min,
                       absl::Duration max) {
  return DurationOr(name, DurationText(*out), out, min, max);
}

bool Mapping::Duration(absl::string_view name, absl::optional<absl::Duration>* out,
                       absl::Duration min, absl::Duration max) {
  absl::Duration value;
  if (!DurationOr(name, "", &value, min, max)) return false;
  *out = value;
  return true;
}

bool Mapping::DurationOr(absl::string_view name, absl::string_view default_value,
                         absl::Duration* out, absl::Duration min, absl::Duration max) {
  const auto scalar = TakeScalar(name, "duration", default_value);
  if (!scalar.has_value()) return Has(name);
  const absl::optional<absl::Duration> value = ParseDuration(scalar->text);
  if (!value.has_value()) {
    Refuse(scalar->place, absl::StrCat(scalar->shown, " is not a duration; try ",
                                       Quoted(SuggestDuration(scalar->text))));
  } else if (*value < min || *value > max) {
    Refuse(scalar->place, absl::StrCat(scalar->shown, " is out of range; allowed are ",
                                       DurationText(min), " to ", DurationText(max)));
  } else {
    *out = *value;
  }
  return true;
}

bool Mapping::Size(absl::string_view name, uint64_t* out, uint64_t min, uint64_t max) {
  const auto scalar = TakeScalar(name, "size", SizeText(*out));
  if (!scalar.has_value()) return Has(name);
  ReadSize(*scalar, out, min, max);
  return true;
}

bool Mapping::SizeOrAuto(absl::string_view name, uint64_t* out, uint64_t min, uint64_t max) {
  const auto scalar = TakeScalar(name, "auto|size", "auto");
  if (!scalar.has_value()) return Has(name);
  *out = 0;
  if (scalar->text != "auto") ReadSize(*scalar, out, min, max);
  return true;
}

void Mapping::ReadSize(const Scalar& scalar, uint64_t* out, uint64_t min, uint64_t max) {
  const absl::optional<uint64_t> value = ParseSize(scalar.text);
  if (!value.has_value()) {
    Refuse(scalar.place,
           absl::StrCat(scalar.shown, " is not a size; try ", Quoted(SuggestSize(scalar.text))));
  } else if (*value < min || *value > max) {
    Refuse(scalar.place, absl::StrCat(scalar.shown, " is out of range; allowed are ", SizeText(min),
                                      " to ", SizeText(max)));
  } else {
    *out = *value;
  }
}

bool Mapping::Number(absl::string_view name, absl::optional<uint64_t>* out, uint64_t min,
                     uint64_t max) {
  uint64_t value = 0;
  if (!WholeNumber(name, "", &value, min, max)) return false;
  *out = value;
  return true;
}

bool Mapping::WholeNumber(absl::string_view name, absl::string_view default_value, uint64_t* out,
                          uint64_t min, uint64_t max) {
  const auto scalar = TakeScalar(name, "number", default_value);
  if (!scalar.has_value()) return Has(name);
  const absl::optional<uint64_t> value = ParseWhole(scalar->text);
  if (!value.has_value() || *value < min || *value > max) {
    Refuse(scalar->place,
           absl::StrCat(scalar->shown, " is not a whole number from ", min, " to ", max));
  } else {
    *out = *value;
  }
  return true;
}

bool Mapping::Percent(absl::string_view name, absl::optional<uint32_t>* out) {
  return PercentOr(name, "", out);
}

bool Mapping::Percent(absl::string_view name, uint32_t* out) {
  constexpr double kOfOne = 10'000;
  absl::optional<uint32_t> value;
  const bool present = PercentOr(name, absl::StrCat(*out / kOfOne, "%"), &value);
  *out = value.value_or(*out);
  return present;
}

bool Mapping::PercentOr(absl::string_view name, absl::string_view default_value,
                        absl::optional<uint32_t>* out) {
  const auto scalar = TakeScalar(name, "percent", default_value);
  if (!scalar.has_value()) return Has(name);
  *out = ParsePercent(scalar->text);
  if (!out->has_value()) {
    Refuse(scalar->place,
           absl::StrCat(scalar->shown,
                        " is not a part of a hundred; try \"1%\"; allowed are 0.0001% to 100%"));
  }
  return true;
}

bool Mapping::NumberOrAuto(absl::string_view name, int* out, uint64_t min, uint64_t max) {
  const auto scalar = TakeScalar(name, "auto|number", *out == 0 ? "auto" : absl::StrCat(*out));
  if (!scalar.has_value()) return Has(name);
  const absl::optional<uint64_t> value = ParseWhole(scalar->text);
  if (scalar->text == "auto") {
    *out = 0;
  } else if (!value.has_value() || *value < min || *value > max) {
    Refuse(scalar->place,
           absl::StrCat(scalar->shown, " is neither \"auto\" nor a whole number from ", min, " to ",
                        max));
  } else {
    *out = static_cast<int>(*value);
  }
  return true;
}

bool Mapping::Flag(absl::string_view name, bool* out) {
  size_t index = *out ? 0 : 1;
  const bool present = ChoiceIndex(name, &index, {"true", "false"});
  *out = index == 0;
  return present;
}

bool Mapping::ChoiceIndex(absl::string_view name, size_t* index,
                          const std::vector<std::string>& words) {
  const auto scalar = TakeScalar(name, absl::StrJoin(words, "|"), words[*index]);
  if (!scalar.has_value()) return Has(name);
  const auto found = std::find(words.begin(), words.end(), scalar->text);
  if (found == words.end()) {
    Refuse(scalar->place,
           absl::StrCat(scalar->shown, " is unknown", DidYouMean(scalar->text, words),
                        "; allowed: ", absl::StrJoin(words, ", ")));
  } else {
    *index = static_cast<size_t>(found - words.begin());
  }
  return true;
}

bool Mapping::Text(absl::string_view name, std::string* out, Check check) {
  auto scalar = TakeScalar(name, "text", *out);
  if (!scalar.has_value()) return Has(name);
  const std::string mistake = check(scalar->text);
  if (!mistake.empty()) Refuse(scalar->place, absl::StrCat(scalar->shown, " ", mistake));
  *out = std::move(scalar->text);
  return true;
}

bool Mapping::Text(absl::string_view name, absl::optional<std::string>* out, Check check) {
  std::string text;
  if (!Text(name, &text, check)) return false;
  *out = std::move(text);
  return true;
}

}  // namespace singleflight::config
