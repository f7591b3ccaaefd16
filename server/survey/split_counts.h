// The counts of splits that /metrics shows, of one worker and one route. Labels are a closed set:
// names that are known to the program or stand in the configuration, and kOther for those that
// clients made up.
//
// Threads: Add is the worker's; Show, from any.

#ifndef SINGLEFLIGHT_SERVER_SURVEY_SPLIT_COUNTS_H_
#define SINGLEFLIGHT_SERVER_SURVEY_SPLIT_COUNTS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "server/metrics/cell.h"
#include "server/metrics/visitor.h"
#include "server/model/key_rules.h"
#include "server/survey/split.h"
#include "server/wire/encoding.h"

namespace singleflight::survey {

// What a split of that name is called in metrics.
absl::string_view LabelOf(SplitKind kind, absl::string_view name, const model::KeyRules& rules);

class SplitCounts {
 public:
  // Labels besides those that are always shown; with more, kOther counts. Reloads may bring ever
  // new ones.
  static constexpr size_t kMost = 64;

  SplitCounts() = default;
  SplitCounts(const SplitCounts&) = delete;
  ~SplitCounts();

  void Add(SplitKind kind, absl::string_view label);
  void Show(const std::string& route, metrics::Visitor& visitor) const;

 private:
  // Those that are always shown.
  struct Row {
    SplitKind kind;
    absl::string_view label;
  };
  static constexpr Row kRows[] = {
      {SplitKind::kMetadata, kOther},
      {SplitKind::kCredential, kOther},
      {SplitKind::kAuthority, kAuthority},
      {SplitKind::kPolicy, kTrust},
      {SplitKind::kPolicy, kContentType},
      {SplitKind::kPolicy, kRules},
      {SplitKind::kEncoding, wire::kGrpcEncoding},
      {SplitKind::kEncoding, wire::kGrpcAcceptEncoding},
      {SplitKind::kField, ""},
      {SplitKind::kSeveral, ""},
  };

  // A cell never moves and never goes before this does, so that readers find it while the worker
  // puts another before it.
  struct Cell {
    const SplitKind kind;
    const std::string label;
    metrics::Counter calls;
    Cell* const next;
  };

  metrics::Counter& Of(SplitKind kind, absl::string_view label);
  metrics::Counter* Fixed(SplitKind kind, absl::string_view label);

  std::array<metrics::Counter, std::size(kRows)> fixed_;
  std::atomic<Cell*> first_{nullptr};
  size_t size_ = 0;
};

}  // namespace singleflight::survey

#endif  // SINGLEFLIGHT_SERVER_SURVEY_SPLIT_COUNTS_H_
