// Mapping is one mapping of the file, from which options are taken by name:
//
//   in.Duration("flight_timeout", &out.flight_timeout, absl::Milliseconds(1), absl::Hours(24));
//
// Each call leaves its target as it is if the option is absent or wrong, and returns true if the
// option stands in the file. Whatever is wrong becomes a problem with its place; reading goes on.
// An option that nobody asked for is unknown, and is refused when the mapping has been read. With
// Reading::options set, the same calls list the options: every section is entered once, with
// nothing in it.

#ifndef SINGLEFLIGHT_SERVER_CONFIG_READER_H_
#define SINGLEFLIGHT_SERVER_CONFIG_READER_H_

#include <yaml-cpp/yaml.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/config/options.h"
#include "server/config/problems.h"
#include "server/config/variables.h"

namespace singleflight::config {

// What the reading of one file shares.
struct Reading {
  const Environment& environment;
  Problems& problems;
  std::vector<Option>* options = nullptr;  // set: nothing is read, what is asked for is noted here
  int values_left = 100000;                // aliases counted as often as they are read
  std::map<std::string, Place> places = {};  // of what stands in no list: threads, cache.max_bytes
};

class Mapping {
 public:
  using Body = absl::FunctionRef<void(Mapping&)>;

  // What is wrong with a text, as a phrase that follows it; empty: nothing.
  using Check = std::string (*)(absl::string_view text);
  using Each = absl::FunctionRef<void(const std::string& text, const Place& place)>;

  // An option whose name the file chooses, in a mapping of such. What is quoted is a text, whatever
  // it looks like.
  struct Pair {
    const std::string& name;
    const Place& name_place;
    const std::string& value;
    bool quoted;
    const Place& place;  // of the value
  };
  using EachPair = absl::FunctionRef<void(const Pair& pair)>;

  // Reads `node`, the whole file.
  static void ReadRoot(Reading& reading, const YAML::Node& node, Body body);

  bool Duration(absl::string_view name, absl::Duration* out, absl::Duration min,
                absl::Duration max);
  // Of no default.
  bool Duration(absl::string_view name, absl::optional<absl::Duration>* out, absl::Duration min,
                absl::Duration max);
  bool Size(absl::string_view name, uint64_t* out, uint64_t min, uint64_t max);

  // The default is "auto", which reads as 0.
  bool SizeOrAuto(absl::string_view name, uint64_t* out, uint64_t min, uint64_t max);
  template <typename T>
  bool Number(absl::string_view name, T* out, uint64_t min, uint64_t max);

  // Of no default.
  bool Number(absl::string_view name, absl::optional<uint64_t>* out, uint64_t min, uint64_t max);

  // "1%", read as so many of a million. The first has no default.
  bool Percent(absl::string_view name, absl::optional<uint32_t>* out);
  bool Percent(absl::string_view name, uint32_t* out);

  // "auto" reads as 0.
  bool NumberOrAuto(absl::string_view name, int* out, uint64_t min, uint64_t max);
  bool Flag(absl::string_view name, bool* out);
  template <typename E>
  bool Choice(absl::string_view name, E* out,
              std::initializer_list<std::pair<absl::string_view, E>> choices);

  // A text that fails `check` is refused, yet kept, so that what refers to it still finds it.
  bool Text(absl::string_view name, std::string* out, Check check);
  bool Text(absl::string_view name, absl::optional<std::string>* out, Check check);

  // `example` is shown in the message if something else stands there: "log: {level: debug}".
  bool Section(absl::string_view name, absl::string_view example, Body body);

  // Lists: of mappings, each read by `body`, and of scalars. The first kind is required and may not
  // be empty.
  void Sections(absl::string_view name, absl::string_view example, Body body);
  bool Texts(absl::string_view name, Each each);

  // A mapping of scalars by names that are no options.
  bool Pairs(absl::string_view name, absl::string_view example, EachPair each);

  // `name: false` and no `name` at all return false; `name: true` and `name: {…}` return true, the
  // latter after `body` has read the mapping. With `on`, no `name` at all returns true. If there is
  // a word, `name: word` returns true too, and says so.
  struct Word {
    absl::string_view text;
    bool* said;
  };
  bool SwitchOrSection(absl::string_view name, Body body, bool on = false,
                       Word word = {"", nullptr});

  // Takes what begins with `prefix`, whatever it is.
  void Ignore(absl::string_view prefix);

  // Refuses the mapping unless `name` stands in it. `cure` ends the message.
  void Require(absl::string_view name, absl::string_view cure);

  // How many mistakes were found so far.
  size_t mistakes() const { return reading_.problems.mistakes(); }

  void Refuse(const Place& place, absl::string_view what) { reading_.problems.Refuse(place, what); }

  // Whether `name` stands in the file, rightly or not.
  bool Has(absl::string_view name) const;

  // The place of the option `name`, or of the mapping if the option is absent.
  Place PlaceOf(absl::string_view name) const;
  const Place& place() const { return place_; }

 private:
  struct Entry {
    std::string name;
    Place name_place;
    Place place;  // of the value; of the name if the value is empty
    YAML::Node value;
    bool taken = false;
  };
  struct Scalar {
    std::string text;   // variables replaced
    std::string shown;  // quoted, for messages
    Place place;
  };

  Mapping(Reading& reading, Place place) : reading_(reading), place_(std::move(place)) {}

  static void Read(Reading& reading, const YAML::Node& node, const Place& place,
                   absl::string_view example, Body body);
  bool Collect(const YAML::Node& node, absl::string_view example);
  void Merge(const YAML::Node& value, const Place& place, int depth);
  void MergeFrom(const YAML::Node& node, int depth);
  void CollectEntry(const YAML::Node& key, const YAML::Node& value,
                    std::map<std::string, int>* lines);
  void RefuseUnknown();

  // Notes that `name` is an option of `kind`; the entry, if it is in the file and has a value.
  Entry* Take(absl::string_view name, absl::string_view kind, absl::string_view default_value = "");
  absl::optional<Scalar> TakeScalar(absl::string_view name, absl::string_view kind,
                                    absl::string_view default_value);
  absl::optional<Scalar> ScalarOf(const YAML::Node& node, const Place& place);
  void RefuseUnknown(const Entry& entry);
  void TakeAll(EachPair each);
  void ReadItems(const Entry& entry, absl::string_view example,
                 absl::FunctionRef<void(const YAML::Node&, const Place&)> read);
  bool SpendValue(const Place& place);
  bool describing() const { return reading_.options != nullptr; }

  bool DurationOr(absl::string_view name, absl::string_view default_value, absl::Duration* out,
                  absl::Duration min, absl::Duration max);
  void ReadSize(const Scalar& scalar, uint64_t* out, uint64_t min, uint64_t max);
  bool PercentOr(absl::string_view name, absl::string_view default_value,
                 absl::optional<uint32_t>* out);
  bool WholeNumber(absl::string_view name, absl::string_view default_value, uint64_t* out,
                   uint64_t min, uint64_t max);
  bool ChoiceIndex(absl::string_view name, size_t* index, const std::vector<std::string>& words);

  Reading& reading_;
  const Place place_;
  std::vector<Entry> entries_;
  std::vector<std::string> known_;
};

template <typename T>
bool Mapping::Number(absl::string_view name, T* out, uint64_t min, uint64_t max) {
  uint64_t value = *out;
  const bool present = WholeNumber(name, std::to_string(value), &value, min, max);
  *out = static_cast<T>(value);
  return present;
}

template <typename E>
bool Mapping::Choice(absl::string_view name, E* out,
                     std::initializer_list<std::pair<absl::string_view, E>> choices) {
  std::vector<std::string> words;
  size_t index = 0;
  for (const auto& [word, value] : choices) {
    if (value == *out) index = words.size();
    words.emplace_back(word);
  }
  const bool present = ChoiceIndex(name, &index, words);
  *out = choices.begin()[index].second;
  return present;
}

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_READER_H_
