// Random requests: metadata, authority and the rest around a random message.

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "tests/model/random_requests.h"

namespace singleflight::model {
namespace {

std::string Framed(const std::string& message, char flag) {
  std::string frame(1, flag);
  for (int shift = 24; shift >= 0; shift -= 8) {
    frame.push_back(static_cast<char>(message.size() >> shift));
  }
  return frame + message;
}

bool Holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// As docs/sharing.md says it, of the names that are drawn here.
bool Counts(const KeyRules& rules, const std::string& name, bool compressed) {
  const bool noise = name == "traceparent" || name == "x-request-id" || name == "grpc-timeout" ||
                     name == "grpc-encoding" || name == "grpc-accept-encoding";
  const bool credential = name == "authorization" || name == "x-auth-user";
  if (compressed && (name == "grpc-encoding" || name == "grpc-accept-encoding")) return true;
  if (rules.mode == KeyRules::Mode::kOnly && Holds(rules.names, name)) return true;
  if (Holds(rules.counted, name)) return true;
  if (credential) return !rules.share_across_credentials;
  if (rules.mode == KeyRules::Mode::kOnly) return false;
  return !noise && !Holds(rules.names, name);
}

std::string ValueOf(const std::string& name, Dice& dice) {
  if (name == "grpc-timeout") return "1S";
  if (name == "grpc-accept-encoding") return "gzip";
  return dice.OneIn(2) ? "1" : "b2";
}

// What counts and what does not, in any order of names; values of one name keep theirs.
Fields MakeMetadata(const KeyRules& rules, bool compressed, Dice& counts, Dice& ignored,
                    Made& made) {
  const std::vector<std::string> names = {"x-a",           "x-b",         "x-ab",
                                          "x-request-id",  "traceparent", "grpc-timeout",
                                          "authorization", "x-auth-user", "grpc-accept-encoding"};
  Fields metadata;
  for (const std::string& name : names) {
    const bool does = Counts(rules, name, compressed);
    Dice& dice = does ? counts : ignored;
    Fields values;
    for (uint32_t n = dice.Below(4); n > 1; --n) values.emplace_back(name, ValueOf(name, dice));
    if (name == "grpc-timeout" && values.size() > 1) values.pop_back();  // two are refused
    made[does ? "metadata that counts" : "metadata that does not"] += !values.empty();
    metadata.insert(ignored.OneIn(2) ? metadata.begin() : metadata.end(), values.begin(),
                    values.end());
  }
  return metadata;
}

std::string CountedOf(const KeyRules& rules, bool compressed, const Fields& metadata) {
  std::map<std::string, std::string> by_name;
  for (const auto& [name, value] : metadata) {
    if (Counts(rules, name, compressed)) by_name[name] += WithLength(value);
  }
  std::string counted;
  for (const auto& [name, values] : by_name) {
    absl::StrAppend(&counted, WithLength(name), WithLength(values));
  }
  return counted;
}

}  // namespace

RandomRequest MakeRandomRequest(const KeyRules& rules, const std::string& rules_name,
                                uint64_t counts, uint64_t ignored, RandomMessage::Twist twist,
                                Made& made) {
  Dice counting(~counts), noise(~ignored);
  RandomRequest request;
  request.trust = 1 + counting.Below(2);
  const std::string authority = counting.OneIn(4) ? "a.example" : "catalog:50051";
  request.authority = noise.OneIn(2) ? authority : absl::AsciiStrToUpper(authority);
  const std::string path = counting.OneIn(4) ? "/shop.Catalog/List" : "/shop.Catalog/Get";
  const std::string suffix = counting.OneIn(8) ? "+json" : "";
  const bool compressed = counting.OneIn(10);
  const std::string type = suffix.empty() && noise.OneIn(2) ? "+proto" : suffix;
  if (!suffix.empty()) ++made["another format"];
  if (compressed) ++made["compressed"];

  const RandomMessage message(rules, counts, ignored, twist, made);
  request.frame = Framed(message.bytes(), compressed ? 1 : 0);
  const bool whole = message.in_doubt() || compressed || !suffix.empty();
  ++made[whole ? "a message that counts whole" : "a message that is taken apart"];
  request.metadata = MakeMetadata(rules, compressed, counting, noise, made);
  request.counted = absl::StrCat(WithLength(rules_name), request.trust, " ", WithLength(authority),
                                 WithLength(path), WithLength(suffix), whole ? "whole " : "parts ",
                                 WithLength(whole ? request.frame : message.counted()),
                                 CountedOf(rules, compressed, request.metadata));
  request.metadata.insert(request.metadata.begin(),
                          {{":path", path}, {"content-type", "application/grpc" + type}});
  return request;
}

}  // namespace singleflight::model
