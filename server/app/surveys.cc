// Merges what workers and routes have each for themselves.

#include "server/app/surveys.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/app/proto_time.h"
#include "server/app/snapshot.h"
#include "server/survey/cure.h"

namespace singleflight::app {
namespace {

namespace v1 = admin::v1;

constexpr int kUsualKeys = 20;
constexpr int kMostKeys = 1000;

int LimitOf(const v1::ListTopKeysRequest& request) {
  return request.limit() == 0 ? kUsualKeys
                              : static_cast<int>(std::min<uint32_t>(request.limit(), kMostKeys));
}

survey::TopBy ByOf(const v1::ListTopKeysRequest& request) {
  return request.by() == v1::ListTopKeysRequest::BY_SAVED_BYTES ? survey::TopBy::kSavedBytes
                                                                : survey::TopBy::kCalls;
}

bool Wanted(const std::string& route, const std::string& asked) {
  return asked.empty() || asked == route;
}

void AddTopKeys(const std::string& route, const std::vector<survey::TopKey>& top,
                const model::KeyDigests& digests, std::vector<v1::TopKey>& to) {
  for (const survey::TopKey& key : top) {
    v1::TopKey& row = to.emplace_back();
    row.set_key(model::ToText(digests.Of(key.key)));
    row.set_route(route);
    row.set_method(key.method);
    row.set_count(key.count);
    row.set_error(key.error);
  }
}

v1::Split::Kind KindOf(survey::SplitKind kind) {
  switch (kind) {
    case survey::SplitKind::kMetadata:
      return v1::Split::KIND_METADATA;
    case survey::SplitKind::kCredential:
      return v1::Split::KIND_CREDENTIAL;
    case survey::SplitKind::kAuthority:
      return v1::Split::KIND_AUTHORITY;
    case survey::SplitKind::kPolicy:
      return v1::Split::KIND_POLICY;
    case survey::SplitKind::kEncoding:
      return v1::Split::KIND_ENCODING;
    case survey::SplitKind::kField:
      return v1::Split::KIND_FIELD;
    case survey::SplitKind::kSeveral:
      return v1::Split::KIND_SEVERAL;
  }
  return v1::Split::KIND_UNSPECIFIED;
}

// Null: the configuration in force has no such route any more.
const model::KeyRules* RulesOf(const config::Config& config, const std::string& route) {
  const std::vector<std::string> labels = RouteLabels(config);
  const auto found = std::find(labels.begin(), labels.end(), route);
  if (found == labels.end()) return nullptr;
  return &config.routes[static_cast<size_t>(found - labels.begin())].key;
}

v1::Split RowOf(const std::string& route, const survey::Split& split, const model::KeyRules* rules,
                const Moment& now) {
  v1::Split row;
  row.set_route(route);
  row.set_kind(KindOf(split.kind));
  row.set_name(split.name);
  row.set_method(split.method);
  row.set_calls(split.calls);
  *row.mutable_last_at() = ToProto(now.wall - absl::FromChrono(now.steady - split.last));
  if (rules != nullptr) row.set_cure(survey::CureOf(split, *rules));
  return row;
}

}  // namespace

v1::ListTopKeysResponse TopKeysOf(const Ledgers& ledgers, const model::KeyDigests& digests,
                                  const v1::ListTopKeysRequest& request) {
  std::vector<v1::TopKey> keys;
  ledgers.top_keys.ForEach([&](const std::string& route, const auto& by_worker) {
    if (!Wanted(route, request.route())) return;
    std::vector<std::vector<survey::TopSketch::Sum>> sketches;
    for (const auto& top : by_worker) sketches.push_back(top->Sums(ByOf(request)));
    AddTopKeys(route, survey::Merged(sketches), digests, keys);
  });
  std::stable_sort(keys.begin(), keys.end(),
                   [](const v1::TopKey& a, const v1::TopKey& b) { return a.count() > b.count(); });
  v1::ListTopKeysResponse response;
  for (v1::TopKey& key : keys) {
    if (response.keys_size() == LimitOf(request)) break;
    *response.add_keys() = std::move(key);
  }
  return response;
}

v1::ListSplitsResponse SplitsOf(const Ledgers& ledgers, const config::Config& config,
                                const Moment& now, const v1::ListSplitsRequest& request) {
  std::vector<v1::Split> rows;
  ledgers.splits.ForEach([&](const std::string& route, const auto& splits) {
    if (!Wanted(route, request.route())) return;
    const model::KeyRules* const rules = RulesOf(config, route);
    for (const survey::Split& split : splits.front()->List()) {
      rows.push_back(RowOf(route, split, rules, now));
    }
  });
  std::stable_sort(rows.begin(), rows.end(),
                   [](const v1::Split& a, const v1::Split& b) { return a.calls() > b.calls(); });
  v1::ListSplitsResponse response;
  for (v1::Split& row : rows) *response.add_splits() = std::move(row);
  return response;
}

}  // namespace singleflight::app
