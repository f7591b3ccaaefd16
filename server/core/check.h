// Sends one follower or hit upstream after all, beside the reply that it got, and compares the two
// replies. Nobody waits for it: its caller has its reply before, it is on no client's account, it
// is the least wanted call where calls queue, kMostAtOnce of an upstream are under way at a time,
// and each of its calls ends at flight_timeout (without collapse: Refresh::kWithoutCollapse).
//
// A first call, with the follower's request, tells whether the replies are the same; usually that
// is all. If they are not, data may have changed meanwhile, replies may differ from call to call,
// or the key leaves out what upstream looks at. A trial tells these apart: leader's and follower's
// requests are sent again by turns, in an order in which neither comes at regular intervals. What
// upstream looks at is a part of the reply in which every call with the leader's request gets what
// was shared, and every one with the follower's what the first call got.
//
//   the leader gets, in all parts, what the follower did    changed: of no concern to the key
//   no part is left before the end of the trial             unsteady: likewise
//   some part is                                            evidence (Verification)
//
// Only what the route has declared safe to repeat is repeated: a call that others share.
//
// Threads: its loop's. It owns itself from its first call until its end.

#ifndef SINGLEFLIGHT_SERVER_CORE_CHECK_H_
#define SINGLEFLIGHT_SERVER_CORE_CHECK_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "server/core/comparison.h"
#include "server/core/gathered.h"
#include "server/core/read_path.h"
#include "server/core/verification.h"
#include "server/memory/held_bytes.h"

namespace singleflight::core {

// What the leader of a flight asked.
inline Asked AskedBy(const Question& question) {
  const memory::Client* const client = question.client.get();
  return {question.request, question.message,
          client == nullptr ? question.caused_by : client->identity};
}

class Check final : public UpstreamEvents, public std::enable_shared_from_this<Check> {
 public:
  // Of one upstream, from the drawing on.
  static constexpr int64_t kMostAtOnce = 4;

  // Whether the lot falls on a caller of `route`, and there is room.
  static bool IsDue(const LoopContext& around, Route& route);

  // It has been drawn. `shared_by`: what its caller is.
  Check(ReadPath& path, Route& route, Asked own, SharedBy shared_by);
  ~Check();

  // Its caller's reply, and what the leader asked whose reply it is, if that is known. Begins in a
  // turn of its own. If this is never called, nothing is sent.
  void Begin(const model::Reply& reply, absl::optional<Asked> leader);

  // Likewise, for a follower: what it is told of a flight whose leader asked `asked`.
  void OnTold(const Answer& answer, const Question& asked);

 private:
  void OnInitial(model::Headers fields, bool end) override;
  void OnData(absl::string_view bytes) override;
  void OnEnd(model::Headers trailing) override;
  void OnSent(size_t) override {}
  void OnFailed(UpstreamFailure failure) override;
  size_t wanted() const override { return 0; }

  void Send();
  void OnDeadline();
  bool Hold(size_t bytes);
  void Give(model::ReplyParts parts);
  void Judge(model::Headers print);
  void JudgeFirst(model::Headers print);
  bool Clear(model::HeadersView print);
  void End(Comparison outcome);
  void Tell(Comparison outcome);
  void LetGo();
  bool AsksForLeader() const;
  RouteMetrics& metrics() const;

  std::shared_ptr<const void> snapshot_;  // from Begin on; owns the read path and the route
  ReadPath& path_;
  Route& route_;
  const Asked own_;
  const SharedBy shared_by_;
  absl::optional<Asked> leader_;
  std::shared_ptr<Check> self_;

  // The trial: how many calls have been judged, what was shared, what the first call got, and which
  // parts are suspected still or were found to change.
  size_t judged_ = 0;
  model::Headers shared_print_;
  model::Headers own_print_;
  std::vector<std::string> suspects_;
  std::vector<std::string> unsteady_;

  // The call that is under way.
  std::unique_ptr<UpstreamCall> call_;
  base::Timer timer_;
  absl::optional<model::Headers> initial_;
  Gathered body_;
  std::unique_ptr<memory::HeldBytes> held_;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_CHECK_H_
