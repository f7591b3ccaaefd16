// What a reply says about being kept: cache-control, cache-groups, age.

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/cache/cache_control.h"
#include "server/cache/freshness.h"
#include "server/cache/groups.h"
#include "server/cache/labels.h"
#include "tests/fuzz/input.h"

namespace singleflight::cache {
namespace {

constexpr absl::Duration kLongest = absl::Seconds(int64_t{1} << 31);

model::Headers With(absl::string_view name, absl::string_view value) {
  model::Headers headers;
  headers.Add(name, value);
  return headers;
}

CacheControl ControlOf(absl::string_view initial, absl::string_view trailing) {
  return ParseCacheControl(With("cache-control", initial), With("cache-control", trailing));
}

// Where it stands makes no difference; and nothing takes a prohibition back.
void CheckCacheControl(absl::string_view a, absl::string_view b) {
  const CacheControl control = ControlOf(a, b);
  const CacheControl turned = ControlOf(b, a);
  SF_CHECK(control.no_store == turned.no_store);
  SF_CHECK(control.is_private == turned.is_private);
  SF_CHECK(ControlOf(a, "no-store").no_store);
  SF_CHECK(ControlOf(a, "private").is_private);
  SF_CHECK(!ControlOf(a, "").no_store || ControlOf(a, b).no_store);
  if (control.lifetime.has_value()) {
    SF_CHECK(*control.lifetime >= absl::ZeroDuration() && *control.lifetime <= kLongest);
  }
  if (control.no_store) return;
  SF_CHECK(control.lifetime == turned.lifetime);
  const CacheControl joined = ControlOf(absl::StrCat(a, ",", b), "");
  SF_CHECK(!joined.no_store && joined.is_private == control.is_private);
  SF_CHECK(joined.lifetime == control.lifetime);
}

absl::optional<std::vector<std::string>> GroupsOf(absl::string_view initial,
                                                  absl::string_view trailing) {
  return ParseGroups(With(kCacheGroups, initial), With(kCacheGroups, trailing), kCacheGroups);
}

std::string Serialized(const std::vector<std::string>& groups) {
  std::string out;
  for (const std::string& group : groups) {
    absl::StrAppend(&out, out.empty() ? "\"" : ", \"");
    for (const char c : group) {
      SF_CHECK(absl::ascii_isprint(static_cast<unsigned char>(c)));
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
    out.push_back('"');
  }
  return out;
}

bool Blank(absl::string_view text) { return absl::StripAsciiWhitespace(text).empty(); }

// RFC 9651: fields are one list; what was read can be written and is read the same.
void CheckGroups(absl::string_view a, absl::string_view b) {
  const auto first = GroupsOf(a, ""), second = GroupsOf("", b), both = GroupsOf(a, b);
  SF_CHECK(both.has_value() == (first.has_value() && second.has_value()));
  if (!both.has_value()) return;
  SF_CHECK(both->size() == first->size() + second->size());
  SF_CHECK(GroupsOf(Serialized(*both), "") == both);
  if (!Blank(a) && !Blank(b)) SF_CHECK(GroupsOf(absl::StrCat(a, ",", b), "") == both);
}

void CheckVerdict(absl::string_view a, absl::string_view b, absl::Duration on_the_way) {
  model::Headers initial = With(":status", "200");
  initial.Add("cache-control", a);
  initial.Add("cache-groups", b);
  initial.Add("age", b);
  model::Headers trailing = With("grpc-status", "0");
  const model::Reply reply = model::MakeReply({initial, "", trailing, false, nullptr});
  Age age;
  age.Read(reply.initial);
  SF_CHECK(age.value() >= absl::ZeroDuration() && age.value() <= kLongest);
  const Verdict verdict = Judge(reply, {absl::Seconds(5), absl::nullopt, false}, age, on_the_way);
  SF_CHECK(verdict.refusal.has_value() || verdict.lifetime > absl::ZeroDuration());
  if (!verdict.refusal.has_value()) {
    SF_CHECK(verdict.lifetime <= absl::Seconds(50) && !age.malformed());
  }
  const auto labels = LabelsOf(reply, {"catalog", "shop", "/shop.Catalog/Get"});
  SF_CHECK(!labels.has_value() || labels->groups.size() <= kMostGroups + 1);
}

}  // namespace
}  // namespace singleflight::cache

// Two values, the first as long as the first byte says.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace singleflight;
  fuzz::Input input(data, size);
  const std::string a = input.Text();
  const std::string b(input.Rest());
  cache::CheckCacheControl(a, b);
  cache::CheckGroups(a, b);
  cache::CheckVerdict(a, b, absl::Milliseconds(a.size()));
  return 0;
}
