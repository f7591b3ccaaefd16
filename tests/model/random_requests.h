// Random requests, each with what counts of it in a form of its own, which has nothing in common
// with the bytes of keys.
//
// All that counts is drawn from one seed, and all that does not from another: requests of one first
// seed have to meet, whatever the second is. A message is made of fields of every kind. One that is
// cut short, or has a number where a path leads through a message, is *in doubt* and counts whole.

#ifndef SINGLEFLIGHT_TESTS_MODEL_RANDOM_REQUESTS_H_
#define SINGLEFLIGHT_TESTS_MODEL_RANDOM_REQUESTS_H_

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "server/model/key_rules.h"
#include "tests/model/blocks.h"

namespace singleflight::model {

class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed * 0x9e3779b97f4a7c15 + 1) {}

  uint32_t Below(uint32_t bound) {
    return std::uniform_int_distribution<uint32_t>(0, bound - 1)(random_);
  }
  bool OneIn(uint32_t n) { return Below(n) == 0; }
  template <typename T>
  const T& Of(const std::vector<T>& all) {
    return all[Below(static_cast<uint32_t>(all.size()))];
  }

 private:
  std::mt19937_64 random_;
};

// So that two that stand behind each other are not another two.
inline std::string WithLength(const std::string& text) {
  return std::to_string(text.size()) + ":" + text;
}

// How often each kind of thing was made: what never was is not tested.
using Made = std::map<std::string, int>;

class RandomMessage {
 public:
  // One counting field, the one before which so many stand, may be left out, or stand twice.
  struct Twist {
    enum class Way { kNone, kLeftOut, kTwice };
    Way way = Way::kNone;
    uint32_t at = 0;
  };

  // Of calls that are made by `rules`.
  RandomMessage(const KeyRules& rules, uint64_t counts, uint64_t ignored, Twist twist, Made& made);

  const std::string& bytes() const { return bytes_; }
  bool in_doubt() const { return in_doubt_; }

  // What counts, if it is not in doubt: its fields in their order, each with its length, and the
  // messages that paths lead through in braces.
  const std::string& counted() const { return counted_; }

 private:
  void Make(const FieldPath& at, int depth, std::string* bytes, std::string* counted);
  void MakeCounted(const FieldPath& path, int depth, std::string* bytes, std::string* counted);
  void MakeInside(const FieldPath& path, int depth, std::string* bytes, std::string* counted);
  void MakeIgnored(const FieldPath& at, std::string* bytes);
  std::string Field(uint32_t number, Dice& dice, const char* for_what);
  void CutShort();

  bool Ignores(const FieldPath& path) const;
  bool LeadsThrough(const FieldPath& path) const;

  const std::vector<FieldPath> paths_;
  Dice counts_;
  Dice ignored_;
  const Twist twist_;
  Made& made_;
  uint32_t fields_ = 0;  // that count, so far
  std::string bytes_;
  std::string counted_;
  bool in_doubt_ = false;
  size_t last_ = 0;  // where the last field of the whole begins that counts
};

struct RandomRequest {
  uint32_t trust;
  std::string authority;
  Fields metadata;  // and ":path" and "content-type"
  std::string frame;
  std::string counted;  // of everything, rules included
};

RandomRequest MakeRandomRequest(const KeyRules& rules, const std::string& rules_name,
                                uint64_t counts, uint64_t ignored, RandomMessage::Twist twist,
                                Made& made);

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_TESTS_MODEL_RANDOM_REQUESTS_H_
