// A write on its way: a relayed call of a route with `invalidates`.
//
// Its message is looked at as it passes, and nothing waits for that. What has passed of it is kept
// until it is whole, unless there is no room for that. The groups that it changes are dropped
//
//   before each piece of its reply   whoever knows that it is done reads what it wrote. Each time,
//                                    as a first piece may come before the work is done
//   when there is no reply           its outcome is unknown, it may be done: a deadline, a reset, a
//                                    caller that leaves, a connection lost. Its caller hears of
//                                    that afterwards
//
// but not if the backend certainly has not begun with it.
//
// Threads: its loop's.

#ifndef SINGLEFLIGHT_SERVER_PROXY_PASSING_WRITE_H_
#define SINGLEFLIGHT_SERVER_PROXY_PASSING_WRITE_H_

#include <memory>

#include "absl/strings/string_view.h"
#include "server/core/changed_groups.h"
#include "server/proxy/collector.h"

namespace singleflight::proxy {

class PassingWrite {
 public:
  // `around` and `route` outlive it.
  PassingWrite(const core::LoopContext& around, const core::Route& route,
               std::shared_ptr<const model::Request> request,
               const std::shared_ptr<memory::Client>& client);

  // What goes upstream, in order.
  void Pass(absl::string_view bytes);

  // Something of its reply is there, and goes to its caller next.
  void Drop();

  // Its upstream call has failed, or has been ended here. `trip` is of that call.
  void DropAfter(const core::UpstreamFailure& failure, const core::UpstreamTrip& trip);
  void DropAfter(const core::UpstreamTrip& trip);

 private:
  void Take(absl::string_view bytes);

  core::ChangedGroups groups_;
  const core::Route& route_;
  const memory::BufferBudget& budget_;
  const std::shared_ptr<memory::Client> client_;
  std::unique_ptr<Collector> collector_;  // null: the groups are known
};

}  // namespace singleflight::proxy

#endif  // SINGLEFLIGHT_SERVER_PROXY_PASSING_WRITE_H_
