// Random messages, field by field.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/model/random_requests.h"
#include "tests/wire/fields.h"

namespace singleflight::model {
namespace {

using wire::Group;
using wire::Number;
using wire::Tag;
using wire::Text;
using wire::Varint;

// The same length in one byte more.
std::string LongLength(size_t length) {
  std::string bytes = Varint(length);
  bytes.back() = static_cast<char>(bytes.back() | '\x80');
  return bytes + '\0';
}

}  // namespace

RandomMessage::RandomMessage(const KeyRules& rules, uint64_t counts, uint64_t ignored, Twist twist,
                             Made& made)
    : paths_(rules.ignored_fields), counts_(counts), ignored_(ignored), twist_(twist), made_(made) {
  Make({}, 3, &bytes_, &counted_);
  if (counts_.OneIn(12)) CutShort();
  in_doubt_ = in_doubt_ || paths_.empty();
}

void RandomMessage::Make(const FieldPath& at, int depth, std::string* bytes, std::string* counted) {
  for (uint32_t n = counts_.Below(5); n > 0; --n) {
    MakeIgnored(at, bytes);
    FieldPath path = at;
    path.push_back(counts_.OneIn(8) ? 536870911 - counts_.Below(2) : 1 + counts_.Below(5));
    if (path.back() > 5) ++made_["a number that no rule knows"];
    if (Ignores(path)) continue;  // MakeIgnored's
    const size_t begin = bytes->size();
    MakeCounted(path, depth, bytes, counted);
    if (at.empty() && bytes->size() > begin) last_ = begin;
  }
  MakeIgnored(at, bytes);
}

void RandomMessage::MakeCounted(const FieldPath& path, int depth, std::string* bytes,
                                std::string* counted) {
  const bool twisted = fields_++ == twist_.at, was_in_doubt = in_doubt_;
  std::string one, one_counted;
  if (LeadsThrough(path)) {
    MakeInside(path, depth, &one, &one_counted);
  } else {
    one = Field(path.back(), counts_, "counting");
    one_counted = WithLength(one);
  }
  if (twisted && twist_.way == Twist::Way::kLeftOut) {
    in_doubt_ = was_in_doubt;
    return;
  }
  const int times = twisted && twist_.way == Twist::Way::kTwice ? 2 : 1;
  for (int i = 0; i < times; ++i) {
    *bytes += one;
    *counted += one_counted;
  }
}

// A message, or a group, that a path leads through.
void RandomMessage::MakeInside(const FieldPath& path, int depth, std::string* bytes,
                               std::string* counted) {
  const uint32_t number = path.back();
  if (counts_.OneIn(25)) {
    ++made_["a number in place of a message"];
    *bytes += Number(number, counts_.Below(3));
    in_doubt_ = true;
    return;
  }
  std::string inner, inner_counted;
  if (depth > 0) Make(path, depth - 1, &inner, &inner_counted);
  const bool group = counts_.OneIn(3);
  ++made_[group ? "a group with ignored fields" : "a message with ignored fields"];
  absl::StrAppend(counted, "{", number, group ? "g" : "m", inner_counted, "}");
  if (group) {
    *bytes += Group(number, inner);
  } else if (ignored_.OneIn(6)) {
    ++made_["a length that is longer than it has to be"];
    *bytes += Tag(number, 2) + LongLength(inner.size()) + inner;
  } else {
    *bytes += Text(number, inner);
  }
}

void RandomMessage::MakeIgnored(const FieldPath& at, std::string* bytes) {
  for (const FieldPath& path : paths_) {
    const bool here =
        path.size() == at.size() + 1 && std::equal(at.begin(), at.end(), path.begin());
    while (here && ignored_.OneIn(2)) *bytes += Field(path.back(), ignored_, "ignored");
  }
}

std::string RandomMessage::Field(uint32_t number, Dice& dice, const char* for_what) {
  const auto kind = [&](const char* what) { ++made_[absl::StrCat(for_what, ", ", what)]; };
  const std::vector<uint64_t> numbers = {0, 1, 300, ~uint64_t{0}};
  const std::vector<std::string> texts = {"",        "a", "b", "aa", "1", std::string(200, 'x'),
                                          "\xff\x01"};
  switch (dice.Below(9)) {
    case 0:
      kind("a number");
      return Number(number, dice.Of(numbers));
    case 1:
      kind("a default that is there");
      return dice.OneIn(2) ? Number(number, 0) : Text(number, "");
    case 2:
      kind("32 bits");
      return Tag(number, 5) + (dice.OneIn(2) ? "1234" : "1235");
    case 3:
      kind("64 bits");
      return Tag(number, 1) + (dice.OneIn(2) ? "12345678" : "12345679");
    case 4:
      kind("a packed list");
      return Text(number, Varint(dice.Of(numbers)) + Varint(dice.Of(numbers)));
    case 5: {
      kind("a map");
      const std::string a = Text(number, Text(1, dice.Of(texts)) + Number(2, dice.Below(2)));
      return dice.OneIn(2) ? a : a + Text(number, Text(1, "b") + Number(2, 7));
    }
    case 6:
      kind("a message");
      return Text(number, Number(1, dice.Of(numbers)) + Text(2, Text(1, dice.Of(texts))));
    case 7:
      kind("a group");
      return Group(number, Group(1, Number(2, dice.Below(3))) + Text(2, dice.Of(texts)));
    default:
      kind("a text");
      return Text(number, dice.Of(texts));
  }
}

// Behind the first byte of the last field that counts, so that what is left of it is none.
void RandomMessage::CutShort() {
  if (bytes_.size() < last_ + 2) return;
  ++made_["cut short"];
  bytes_.resize(last_ + 1);
  in_doubt_ = true;
}

bool RandomMessage::Ignores(const FieldPath& path) const {
  return std::find(paths_.begin(), paths_.end(), path) != paths_.end();
}

bool RandomMessage::LeadsThrough(const FieldPath& path) const {
  return std::any_of(paths_.begin(), paths_.end(), [&path](const FieldPath& other) {
    return path.size() < other.size() && std::equal(path.begin(), path.end(), other.begin());
  });
}

}  // namespace singleflight::model
