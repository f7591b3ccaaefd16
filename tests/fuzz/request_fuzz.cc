// model::ParseRequest and KeyPolicy: two calls have one key exactly if all that counts is the same.

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "server/base/check.h"
#include "server/model/binary_fields.h"
#include "server/model/key.h"
#include "tests/fuzz/input.h"

namespace singleflight::model {
namespace {

using fuzz::Input;
using Fields = std::vector<std::pair<std::string, std::string>>;

// Names that are treated in a way of their own, and some that are not.
constexpr absl::string_view kNames[] = {":method",
                                        ":scheme",
                                        ":path",
                                        ":authority",
                                        "host",
                                        "te",
                                        "content-type",
                                        "grpc-timeout",
                                        "user-agent",
                                        "authorization",
                                        "cookie",
                                        "x-a",
                                        "x-b",
                                        "x-tenant-bin",
                                        "traceparent",
                                        "tracestate",
                                        "grpc-encoding",
                                        "grpc-accept-encoding",
                                        "singleflight-chain",
                                        "x-request-id",
                                        "content-length"};

constexpr absl::string_view kValues[] = {"",
                                         "POST",
                                         "http",
                                         "/s/M",
                                         "/s/N",
                                         "/api/s/N",
                                         "A:80",
                                         "/run/a.sock",
                                         "a",
                                         "b",
                                         "application/grpc",
                                         "ab",
                                         "c:80",
                                         "application/grpc+proto",
                                         "10S",
                                         "gzip",
                                         "a,b",
                                         "application/grpc;x",
                                         "dd=1",
                                         "dd=2,m=1",
                                         "trailers"};

std::string AName(Input& input) {
  const size_t which = input.Below(std::size(kNames) + 1);
  if (which < std::size(kNames)) return std::string(kNames[which]);
  return absl::AsciiStrToLower(input.Text());
}

std::string AValue(Input& input) {
  const size_t which = input.Below(std::size(kValues) + 1);
  return which < std::size(kValues) ? std::string(kValues[which]) : input.Text();
}

struct Call {
  Fields fields;
  std::string authority;
  std::string message;
};

Call ACall(Input& input) {
  Call call{{{":method", "POST"},
             {":scheme", "http"},
             {":path", "/s/M"},
             {":authority", "a"},
             {"content-type", "application/grpc"}},
            "upstream:1",
            input.Text()};
  for (size_t more = input.Below(8); more > 0; --more) {
    std::string name = AName(input);
    call.fields.emplace_back(std::move(name), AValue(input));
  }
  return call;
}

// The same call, but for a few changes, of which some make no difference.
Call Changed(Call call, Input& input) {
  for (size_t more = input.Below(4); more > 0; --more) {
    const size_t at = input.Below(call.fields.size());
    switch (input.Below(7)) {
      case 0:
        call.fields[at].second = AValue(input);
        break;
      case 1:
        call.fields[at].first = AName(input);
        break;
      case 2:
        std::swap(call.fields[at], call.fields[input.Below(call.fields.size())]);
        break;
      case 3:
        if (call.fields.size() > 1) call.fields.erase(call.fields.begin() + at);
        break;
      case 4:
        call.fields.insert(call.fields.begin() + at, {AName(input), AValue(input)});
        break;
      case 5:
        call.message = input.Text();
        break;
      case 6:
        call.authority = AValue(input);
        break;
    }
  }
  return call;
}

KeyRules Rules(Input& input) {
  KeyRules rules;
  rules.mode = input.Chance() ? KeyRules::Mode::kOnly : KeyRules::Mode::kAllButNoise;
  rules.share_across_credentials = input.Chance();
  for (size_t more = input.Below(4); more > 0; --more) rules.names.push_back(AName(input));
  if (rules.mode == KeyRules::Mode::kOnly) return rules;
  for (size_t more = input.Below(3); more > 0; --more) rules.counted.push_back(AName(input));
  return rules;
}

// Whether of a tracestate, which does not count whole, the members count that are no tracer's.
bool CountsByMember(const KeyRules& rules) {
  const bool named =
      std::find(rules.names.begin(), rules.names.end(), "tracestate") != rules.names.end();
  return named == (rules.mode == KeyRules::Mode::kOnly);
}

Headers HeadersOf(const Fields& fields) {
  Headers headers;
  for (const auto& [name, value] : fields) headers.Add(name, value);
  return headers;
}

// All that counts, without any bytes being strung together.
using Counted = std::tuple<std::string, std::string, std::string, std::string,
                           std::map<std::string, std::vector<std::string>>>;

Counted CountedOf(const Call& call, const Request& request, const KeyPolicy& policy,
                  const KeyRules& rules) {
  std::string suffix(request.content_suffix());
  if (suffix == "+proto") suffix.clear();
  const bool compressed = !call.message.empty() && call.message[0] == '\1';
  std::map<std::string, std::vector<std::string>> metadata;
  Headers fields = HeadersOf(call.fields);
  SF_CHECK(!SeparateBinary(fields).has_value());
  for (const Field field : fields) {
    const std::string name(field.name), value(field.value);
    const bool about_encoding = name == "grpc-encoding" || name == "grpc-accept-encoding";
    if (policy.Counts(name) || (compressed && about_encoding)) {
      metadata[name].push_back(value);
    } else if (name == "tracestate" && CountsByMember(rules)) {
      std::string storage;
      const absl::string_view foreign = ForeignMembers(value, &storage);
      if (!foreign.empty()) metadata[name].emplace_back(foreign);
    }
  }
  return {absl::AsciiStrToLower(call.authority), std::string(request.path()), suffix, call.message,
          metadata};
}

void CheckRefusal(const Refusal& refusal) {
  SF_CHECK(!refusal.message.empty());
  if (refusal.answer == Refusal::Answer::kHttp) {
    SF_CHECK(refusal.http_status == 405 || refusal.http_status == 415);
  }
}

// docs/semantics.md §6: what a request is, and what of it goes on.
void CheckRequest(const Request& request) {
  SF_CHECK(absl::StartsWith(request.path(), "/"));
  SF_CHECK(request.path().find_first_of("?#% ") == absl::string_view::npos);
  for (const char c : request.authority()) SF_CHECK(c >= 0x20 && c < 0x7f);
  const Headers onward = UpstreamFields(request, {"upstream:1", request.timeout(), "hop-1"});
  for (const absl::string_view name :
       {":method", ":scheme", ":path", ":authority", "te", "content-type", "singleflight-chain"}) {
    SF_CHECK(onward.view().Count(name) == 1);
  }
  SF_CHECK(onward.view().Count("host") == 0);
  SF_CHECK(onward.view().Count("grpc-timeout") == (request.timeout().has_value() ? 1 : 0));
  bool pseudo = true;
  for (const Field field : onward) {
    const bool is_pseudo = absl::StartsWith(field.name, ":");
    SF_CHECK(pseudo || !is_pseudo);
    pseudo = is_pseudo;
    if (IsCredential(field.name)) SF_CHECK(field.never_index);
  }
}

const Request* Parsed(const absl::variant<Request, Refusal>& parsed) {
  const Request* request = absl::get_if<Request>(&parsed);
  if (request == nullptr) {
    CheckRefusal(absl::get<Refusal>(parsed));
  } else {
    CheckRequest(*request);
  }
  return request;
}

}  // namespace
}  // namespace singleflight::model

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace singleflight::model;
  Input input(data, size);
  const KeyRules rules = Rules(input);
  const Call a = ACall(input);
  const Call b = Changed(a, input);
  const auto parsed_a = ParseRequest(HeadersOf(a.fields));
  const auto parsed_b = ParseRequest(HeadersOf(b.fields));
  const Request* request_a = Parsed(parsed_a);
  const Request* request_b = Parsed(parsed_b);
  if (request_a == nullptr || request_b == nullptr) return 0;

  Fingerprints fingerprints;
  const KeyPolicy policy(rules, "upstream", 7, fingerprints);
  const Key key_a = policy.MakeKey(1, *request_a, a.authority, a.message);
  const Key key_b = policy.MakeKey(1, *request_b, b.authority, b.message);
  const bool same =
      CountedOf(a, *request_a, policy, rules) == CountedOf(b, *request_b, policy, rules);
  SF_CHECK((key_a == key_b) == same);
  SF_CHECK((key_a.bytes == key_b.bytes) == same);
  Key again = key_b;  // storage that is used again leaves nothing behind
  policy.MakeKey(1, *request_a, a.authority, a.message, &again);
  SF_CHECK(again == key_a);

  const KeyPolicy elsewhere(rules, "another upstream", 7, fingerprints);
  SF_CHECK(!(elsewhere.MakeKey(1, *request_a, a.authority, a.message) == key_a));
  SF_CHECK(!(policy.MakeKey(2, *request_a, a.authority, a.message) == key_a));
  return 0;
}
