// Distinct requests never have one key, and what does not count never makes two: random requests of
// all kinds, under several rules, against a model (random_requests.h).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "server/model/key.h"
#include "tests/model/random_requests.h"

namespace singleflight::model {
namespace {

using Way = RandomMessage::Twist::Way;

struct NamedRules {
  std::string name;
  KeyRules rules;
};

KeyRules Ignoring(std::vector<FieldPath> fields, KeyRules rules = {}) {
  rules.ignored_fields = std::move(fields);
  return rules;
}

std::vector<NamedRules> AllRules() {
  using Mode = KeyRules::Mode;
  return {{"nothing", {}},
          {"a header", {Mode::kAllButNoise, {"x-a"}}},
          {"a header counts", {Mode::kAllButNoise, {"x-b"}, false, {"x-request-id"}}},
          {"only one", {Mode::kOnly, {"x-b"}}},
          {"credentials do not", {Mode::kAllButNoise, {}, true}},
          {"a field", Ignoring({{1}})},
          {"two fields", Ignoring({{1}, {4}}, {Mode::kAllButNoise, {"x-a"}})},
          {"a field inside", Ignoring({{2, 1}})},
          {"fields of all kinds", Ignoring({{1}, {3, 2}, {3, 4, 1}, {5, 5, 5}})},
          {"a large number", Ignoring({{536870911}, {2, 536870910}})}};
}

class RandomKeysTest : public ::testing::Test {
 protected:
  struct Asked {
    RandomRequest request;
    std::string key;
  };

  // The request of these two seeds, by the rules that the first chooses.
  Asked Ask(uint64_t counts, uint64_t ignored, RandomMessage::Twist twist = {}) {
    const size_t rules = counts % all_.size();
    Asked asked{
        MakeRandomRequest(all_[rules].rules, all_[rules].name, counts, ignored, twist, made_), ""};
    const Key key = policies_[rules].MakeKey(asked.request.trust, RequestOf(asked.request.metadata),
                                             asked.request.authority, asked.request.frame);
    asked.key = key.bytes;
    ++asked_;
    return asked;
  }

  // One key has one meaning, and one meaning has one key.
  void Compare(const Asked& asked) {
    const auto [by_key, new_key] = counted_by_key_.emplace(asked.key, asked.request.counted);
    ASSERT_EQ(by_key->second, asked.request.counted) << "two requests share a key";
    const auto [by_counted, new_one] = key_by_counted_.emplace(asked.request.counted, asked.key);
    ASSERT_EQ(by_counted->second, asked.key) << "what does not count made two keys";
    met_ += new_key ? 0 : 1;
  }

  const std::vector<NamedRules> all_ = AllRules();
  Fingerprints fingerprints_;
  const std::vector<KeyPolicy> policies_ = [this] {
    std::vector<KeyPolicy> policies;
    for (const NamedRules& one : all_)
      policies.emplace_back(one.rules, "catalog", 7, fingerprints_);
    return policies;
  }();
  std::map<std::string, std::string> counted_by_key_;
  std::map<std::string, std::string> key_by_counted_;
  Made made_;
  int asked_ = 0;
  int met_ = 0;
};

// PITFALLS 17, PITFALLS 19
TEST_F(RandomKeysTest, RequestsMeetExactlyIfAllThatCountsIsTheSame) {
  for (uint64_t seed = 0; seed < 8'000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Asked one = Ask(seed, 1), other = Ask(seed, 2 + seed % 97);
    ASSERT_NO_FATAL_FAILURE(Compare(one));
    ASSERT_NO_FATAL_FAILURE(Compare(other));
    for (uint32_t at = 0; at < 3; ++at) {
      ASSERT_NO_FATAL_FAILURE(Compare(Ask(seed, 3, {Way::kLeftOut, at})));
      ASSERT_NO_FATAL_FAILURE(Compare(Ask(seed, 4, {Way::kTwice, at})));
    }
  }
  EXPECT_EQ(asked_, 8 * 8'000);
  EXPECT_GT(met_, 5'000);                     // not all differ
  EXPECT_GT(counted_by_key_.size(), 30'000);  // and not all are the same
}

// What was never made was not tested.
TEST_F(RandomKeysTest, EveryKindOfRequestOccurs) {
  for (uint64_t seed = 0; seed < 8'000; ++seed) Ask(seed, seed);
  for (const char* kind : {"a number", "a default that is there", "32 bits", "64 bits",
                           "a packed list", "a map", "a message", "a group", "a text"}) {
    EXPECT_GT(made_[std::string("counting, ") + kind], 500) << kind;
    EXPECT_GT(made_[std::string("ignored, ") + kind], 500) << kind;
  }
  for (const char* kind :
       {"a number that no rule knows", "a number in place of a message",
        "a group with ignored fields", "a message with ignored fields",
        "a length that is longer than it has to be", "cut short", "another format", "compressed",
        "a message that counts whole", "a message that is taken apart", "metadata that counts",
        "metadata that does not"}) {
    EXPECT_GT(made_[kind], 50) << kind;
  }
}

}  // namespace
}  // namespace singleflight::model
