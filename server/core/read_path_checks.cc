// Which callers of the read path are checked, and when: a hit when it has its answer, a follower
// when its flight has landed. Until then its check waits in drawn_.

#include <memory>
#include <utility>

#include "server/core/check.h"
#include "server/core/read_path.h"

namespace singleflight::core {

// What is stale is known to be outdated, so nothing is learned from it.
void ReadPath::DrawHit(Route& route, const Asking& asking, const cache::Found& found,
                       bool message_taken) {
  if (found.lifespan.expires <= around_.loop.Now() || !Check::IsDue(around_, route)) return;
  if (message_taken) return MetricsOf(route).check_refusals.Add(CheckRefusal::kRefresh);
  const auto check = std::make_shared<Check>(
      *this, route, Asked{asking.request, asking.take(), Asked::IdentityOf(asking.client.get())},
      SharedBy::kHit);
  check->Begin(found.reply, route.verification->LeaderOf(key_.hash));
}

void ReadPath::DrawFollower(Route& route, const Waiter& waiter, const Question& question) {
  if (!Check::IsDue(around_, route)) return;
  drawn_[&waiter] = std::make_shared<Check>(
      *this, route,
      Asked{question.request, question.message, Asked::IdentityOf(question.client.get())},
      SharedBy::kFollower);
}

void ReadPath::BeginCheck(const Waiter& waiter, const Answer& answer, const Question& asked) {
  const auto found = drawn_.find(&waiter);
  if (found == drawn_.end()) return;
  const std::shared_ptr<Check> check = std::move(found->second);
  drawn_.erase(found);
  check->OnTold(answer, asked);
}

model::Headers ReadPath::PrintOf(const Route& route, const model::Reply& reply) {
  if (!reply.encoded) return route.printer.Print(reply);
  return route.printer.Print(decoder_
                                 .Reply(route.shared, reply, route.flights.max_reply_bytes,
                                        MetricsOf(route).reply_inflation)
                                 .value_or(reply));
}

}  // namespace singleflight::core
