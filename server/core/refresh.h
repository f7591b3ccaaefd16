// Fetches a new reply in the place of one whose time is over, or nearly, while callers get the old
// one: the only caller of a flight that nobody waits for.
//
// It stands between nobody and upstream. It begins in a turn of its own, after the caller that
// caused it has its reply. Callers that may not have the old reply join its flight, and are served
// by it as by any other. It is on no client's account. It leaves half of max_flights to callers,
// and its call is the least wanted one where calls queue (Upstream, `concurrency`).
//
// There is one per key, on all loops together, because the entry says who has the right to it
// (Store::BeginRefresh). That right ends by itself. If the refresh brings nothing that is kept, the
// next one waits for kPause, so a backend that fails is asked once a second for each key.
//
// It ends when its flight does, or at its deadline: flight_timeout, or kWithoutCollapse.
//
// Threads: its loop's. It owns itself from Run until then.

#ifndef SINGLEFLIGHT_SERVER_CORE_REFRESH_H_
#define SINGLEFLIGHT_SERVER_CORE_REFRESH_H_

#include <memory>
#include <random>

#include "server/core/read_path.h"
#include "server/core/refresh_failure.h"

namespace singleflight::core {

class Refresh final : public Waiter, public std::enable_shared_from_this<Refresh> {
 public:
  static constexpr absl::Duration kPause = absl::Seconds(1);
  static constexpr absl::Duration kWithoutCollapse = absl::Seconds(15);

  // Whether what was found, on a loop where it is `now`, wants one: its time is over, or it is by
  // lot that this caller sees to it early (XFetch: Vattani, Chierichetti and Lowenstein, 2015). The
  // longer the latest fetch took and the less time is left, the likelier is that, so of many
  // callers about one does it, about when it must for a reply to come in time. Null: never early.
  static bool IsDue(const cache::Found& found, base::Instant now, std::minstd_rand* random);

  // Has the right to refresh `key` until `right`.
  static void Start(ReadPath& path, Route& route, const model::Key& key, Question question,
                    base::Instant right);

  // Until when the right to a refresh that begins now is given, and its deadline.
  static base::Instant RightOf(const Route& route, base::Instant now);
  static base::Instant DeadlineOf(const Route& route, base::Instant now);

  // For Start alone.
  Refresh(ReadPath& path, Route& route, const model::Key& key, Question question,
          base::Instant right);

 private:
  void OnAnswer(const Answer& answer, Counted counted) override;
  void OnTakeover(Takeover takeover) override;
  void OnReleased(const Question& asked, core::Release why) override;
  absl::optional<Asker> asker() const override;

  void Run();
  void LeaveTo(const Flights::Joined& joined);
  void OnDeadline();
  void Fail(RefreshFailure why);
  bool HasRoom() const;
  RouteMetrics& metrics() const;

  const std::shared_ptr<const void> snapshot_;  // owns the read path and the route
  Route& route_;
  const model::Key key_;
  Question question_;
  const base::Instant right_;
  std::shared_ptr<Refresh> self_;
  base::Timer timer_;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_REFRESH_H_
