// Asks one endpoint whether it serves (grpc.health.v1), over a connection that calls use as well.
//
//   Watch  A call that stays open: the endpoint says at once when something changes. What it said
//          holds when the call ends, as proxies on the way end long calls, and it is asked again
//          after `interval`.
//   Check  A call every `interval`, if the endpoint does not know Watch. If it does not know Check
//          either, nobody is asked any more, and the endpoint counts as one that serves.
//
// An open Watch is a call that waits. So the connection's Pulse asks whether the peer lives, as
// often as servers put up with it.
//
// Threads: its worker's.
// Ownership: shared by its owner and its stream. The owner calls Stop before it lets go.

#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_HEALTH_WATCH_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_HEALTH_WATCH_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/base/loop.h"
#include "server/http2/stream.h"
#include "server/wire/status.h"

namespace singleflight::upstream {

class Link;

struct HealthCheckOptions {
  std::string service;                         // empty: the server as a whole
  absl::Duration interval = absl::Seconds(5);  // between Checks, and before the next try
  absl::Duration timeout = absl::Seconds(5);   // for a Check, or the first answer of a Watch

  bool operator==(const HealthCheckOptions&) const = default;
};

class HealthWatch final : public http2::StreamEvents,
                          public std::enable_shared_from_this<HealthWatch> {
 public:
  static constexpr absl::Duration kBetweenFindings = absl::Milliseconds(100);

  struct Target {
    std::string authority;
    std::string scheme;
  };

  // What was found out: the first answer each time that it is asked, and what changes afterwards.
  // `why` says why it does not serve. A backend may say more than anybody wants to know: there are
  // kBetweenFindings between two of them, and the latest counts.
  using OnFinding = absl::AnyInvocable<void(bool serves, const std::string& why)>;

  // `on_unknown`: the endpoint knows neither Watch nor Check.
  HealthWatch(base::Loop& loop, const HealthCheckOptions& options, Target target, Link& link,
              OnFinding on_finding, absl::AnyInvocable<void()> on_unknown);

  void Start() { Ask(); }

  // Asks no more, and tells nothing more.
  void Stop();

  bool on(const Link& link) const { return &link_ == &link; }

 private:
  struct Finding {
    bool serves;
    std::string why;
    bool operator==(const Finding&) const = default;
  };

  void OnHeaders(model::Headers fields, bool end) override;
  void OnData(absl::string_view bytes) override;
  void OnEnd(model::Headers trailing) override;
  void OnSent(size_t) override {}
  void OnClosed(const http2::Closed& closed) override;

  void Ask();
  void OnTimer();
  void TakeReplies();
  void TakeStatus(const model::Headers& block);
  void Fail(const std::string& why);
  void Tell(Finding finding);
  void TellNow(Finding finding);
  void Leave(bool whole);
  absl::string_view method() const { return checks_ ? "Check" : "Watch"; }

  base::Loop& loop_;
  const HealthCheckOptions options_;
  const Target target_;
  Link& link_;
  OnFinding on_finding_;
  absl::AnyInvocable<void()> on_unknown_;
  http2::Stream* stream_ = nullptr;
  bool checks_ = false;           // Watch is not known
  bool answered_ = false;         // on this stream
  std::string reply_;             // what came of the next message
  absl::optional<Finding> told_;  // since it was asked
  absl::optional<Finding> next_;  // is told when the pause is over
  base::Timer timer_;
  base::Timer pause_;  // after a finding was told
};

// The protocol's two messages, as far as they are needed.
std::string HealthRequest(absl::string_view service);

// HealthCheckResponse.status; nothing: the message is broken.
absl::optional<uint64_t> ServingStatus(absl::string_view message);

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_HEALTH_WATCH_H_
