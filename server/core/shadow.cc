// Who would have been aboard whose flight, and the comparing of their replies. Everything is under
// one lock of the route, held for a look-up or a comparison of prints; what is to be said is said
// after it.

#include "server/core/shadow.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "server/core/difference.h"
#include "server/core/route_options.h"
#include "server/model/reply_print.h"

namespace singleflight::core {
namespace {

constexpr absl::Duration kQuietAfterALine = absl::Minutes(1);

bool MayBoard(const Shadow::Party& party, const CollapseOptions& rules, base::Instant now,
              uint64_t purged) {
  return absl::FromChrono(now - party.began) < rules.max_join_age &&
         party.aboard < rules.max_waiters && purged <= party.purged;
}

std::shared_ptr<Shadow::Party> NewParty(base::Instant now, uint64_t purged) {
  auto party = std::make_shared<Shadow::Party>();
  party->began = now;
  party->purged = purged;
  return party;
}

void AddTo(Shadow::Counts& counts, Comparison outcome) {
  for (Shadow::Count& count : counts) {
    if (count.outcome != outcome) continue;
    ++count.calls;
    return;
  }
  counts.push_back({outcome, 1});
}

}  // namespace

// Under `before_start` those that come while a call is in the air gather behind it.
Shadow::Place Shadow::Board(uint64_t key, const CollapseOptions& rules, base::Instant now,
                            uint64_t purged) {
  MutexLock lock(mu_);
  auto found = parties_.find(key);
  while (found != parties_.end() && found->second->next != nullptr &&
         !MayBoard(*found->second, rules, now, purged)) {
    found->second = std::shared_ptr<Party>(found->second->next);
  }
  if (found == parties_.end() || !MayBoard(*found->second, rules, now, purged)) {
    if (parties_.size() >= kMostParties) return {};
    return {WouldBe::kLeader, parties_[key] = NewParty(now, purged)};
  }
  std::shared_ptr<Party> party = found->second;
  if (rules.gathers()) {
    if (party->next == nullptr) return {WouldBe::kLeader, party->next = NewParty(now, purged)};
    party = party->next;
  }
  ++party->aboard;
  return {WouldBe::kFollower, std::move(party)};
}

Shadow::Counts Shadow::Land(uint64_t key, Party& party, Printed reply, bool shared,
                            base::Instant now) {
  Counts counts;
  std::string line;
  {
    MutexLock lock(mu_);
    party.over = true;
    party.shared = shared;
    party.leader = std::move(reply);
    if (party.leader.print == nullptr && !party.early.empty()) {
      party.leader = party.early.front();
      party.early.erase(party.early.begin());
    }
    counts = JudgeEarly(party, now);
    Retire(key, party);
    line = std::exchange(to_say_, std::string());
  }
  Say(line);
  return counts;
}

Shadow::Counts Shadow::JudgeEarly(Party& party, base::Instant now) {
  Counts counts;
  for (const Printed& early : std::exchange(party.early, {})) {
    AddTo(counts, party.shared ? Judge(party.leader, early, now) : Comparison::kUnshared);
  }
  return counts;
}

void Shadow::Retire(uint64_t key, Party& party) {
  const auto found = parties_.find(key);
  if (found == parties_.end() || found->second.get() != &party) return;
  const std::shared_ptr<Party> next = party.next;
  if (next != nullptr && !next->over) {
    found->second = next;
  } else {
    parties_.erase(found);
  }
}

Shadow::Counts Shadow::Compare(Party& party, Printed reply, base::Instant now) {
  Counts counts;
  std::string line;
  {
    MutexLock lock(mu_);
    if (!party.shared) {
      AddTo(counts, Comparison::kUnshared);
    } else if (party.leader.print != nullptr) {
      AddTo(counts, Judge(party.leader, reply, now));
    } else if (party.over) {
      party.leader = std::move(reply);
    } else if (party.early.size() < kMostEarly) {
      party.early.push_back(std::move(reply));
    } else {
      AddTo(counts, Comparison::kFailed);
    }
    line = std::exchange(to_say_, std::string());
  }
  Say(line);
  return counts;
}

Comparison Shadow::Compare(const Printed& kept, const Printed& reply, base::Instant now) {
  Comparison outcome;
  std::string line;
  {
    MutexLock lock(mu_);
    outcome = Judge(kept, reply, now);
    line = std::exchange(to_say_, std::string());
  }
  Say(line);
  return outcome;
}

Comparison Shadow::Judge(const Printed& a, const Printed& b, base::Instant now) {
  std::vector<std::string> parts = model::PartsThatDiffer(*a.print, *b.print);
  if (parts.empty()) return Comparison::kSame;
  latest_ = DifferenceText(std::move(parts), a.asked.get(), b.asked.get());
  if (now >= say_again_) {
    to_say_ = latest_;
    say_again_ = base::After(now, kQuietAfterALine);
  }
  return Comparison::kDiffers;
}

void Shadow::Say(const std::string& line) const {
  if (line.empty()) return;
  spdlog::warn("route '{}' (mode: shadow): replies that would have been shared differ: {}", route_,
               line);
}

std::string Shadow::latest() const {
  MutexLock lock(mu_);
  return latest_;
}

size_t Shadow::parties() const {
  MutexLock lock(mu_);
  return parties_.size();
}

}  // namespace singleflight::core
