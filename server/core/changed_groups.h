#ifndef SINGLEFLIGHT_SERVER_CORE_CHANGED_GROUPS_H_
#define SINGLEFLIGHT_SERVER_CORE_CHANGED_GROUPS_H_

#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/core/read_path.h"
#include "server/core/wide_invalidation.h"

namespace singleflight::core {

// The groups that one write drops: those that `invalidates` of its route makes of its message. If
// that cannot be told, it is every group of the upstream and authority, since too many are dropped
// rather than too few.
//
// Threads: its loop's.
class ChangedGroups {
 public:
  // `around` and `route` outlive it.
  ChangedGroups(const LoopContext& around, const Route& route,
                std::shared_ptr<const model::Request> request)
      : around_(around), route_(route), request_(std::move(request)) {}

  // The message, framed as on the wire.
  void Read(absl::string_view frame);

  // They cannot be told, for that reason. Only the first time counts.
  void Widen(WideInvalidation why);

  // Whether one of the two was called.
  bool known() const { return !scopes_.empty(); }

  // Drops them, as often as it is called. They are known.
  void Drop();

 private:
  RouteMetrics& metrics() const { return *around_.metrics[route_.index]; }

  const LoopContext& around_;
  const Route& route_;
  const std::shared_ptr<const model::Request> request_;
  std::vector<cache::Scope> scopes_;
  bool wide_ = false;
  bool counted_ = false;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_CHANGED_GROUPS_H_
