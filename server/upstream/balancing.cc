// Which endpoint takes the next call.
//
//   round_robin    each in its turn
//   least_request  Two are drawn at random, and that with fewer calls takes it. All workers' calls
//                  count. Two are enough: the longest queue grows as log log n, not as log n, and
//                  workers that see the same figures do not all run to the same endpoint.
//   pick_first     The first of the list that can be connected to. Calls stay there while a
//                  connection lives. After its loss the list is tried from its beginning.
//
// pick_first tries one after the other, which may take as many connect_timeouts as there are
// endpoints. A pass ends with the last of the list: then the calls that wait fail (AnyHope), so
// none waits for more than a pass. The next turn of the loop may begin another one. Endpoints that
// have to pause are passed over, one that answered no PING comes after the others, and an ejected
// one last.
//
// Where `concurrency` or breaker.calls bound what is in the air, an endpoint that has half of that
// is passed over while another has room. So one that hangs, and keeps all that it is sent, leaves
// half to the others. (least_request passes it over anyway, and pick_first has no other.)
//
// An ejected endpoint (ejection.h) gets no calls while another can be reached, or is to be tried
// for the first time. One that is only being connected to again keeps no call waiting. When it is
// back, its share grows slowly: it passes on turns, or counts as busier than it is.

#include <algorithm>
#include <utility>

#include "server/upstream/backends.h"

namespace singleflight::upstream {
namespace {

bool HasItsPart(const Backend& backend, const MostAtOne& most) {
  const EndpointShared& has = *backend.seat.shared;
  return has.slots.load(std::memory_order_relaxed) >= most.slots ||
         has.active.load(std::memory_order_relaxed) >= most.calls;
}

}  // namespace

Link* Backend::RoomFor() const {
  const auto rank = [](const Link& link) { return std::pair(link.in_doubt(), link.streams()); };
  Link* best = nullptr;
  for (const std::shared_ptr<Link>& link : links) {
    if (link->CanOpen() && (best == nullptr || rank(*link) < rank(*best))) best = link.get();
  }
  return best;
}

Link* Backends::Pick(base::Instant now, const MostAtOne& most) {
  Link* link = nullptr;
  switch (balancing_) {
    case LoadBalancing::kRoundRobin:
      link = NextInTurn(now, most);
      break;
    case LoadBalancing::kLeastRequest:
      link = LessBusyOfTwo(now, "");
      break;
    case LoadBalancing::kPickFirst:
      return first_ == nullptr ? nullptr : first_->RoomFor();
  }
  return link == nullptr ? EjectedIfNoOther() : link;
}

Link* Backends::NextInTurn(base::Instant now, const MostAtOne& most) {
  enum class Rank : uint8_t { kInTurn, kOutOfTurn, kHasItsPart, kInDoubt };
  const auto rank_of = [&](const Backend& backend, const Link& link) {
    if (link.in_doubt()) return Rank::kInDoubt;
    if (HasItsPart(backend, most)) return Rank::kHasItsPart;
    return TakesItsTurn(backend, now) ? Rank::kInTurn : Rank::kOutOfTurn;
  };
  Link* best = nullptr;
  Rank best_rank = Rank::kInDoubt;
  for (size_t i = 0; i < backends_.size(); ++i) {
    const Backend& backend = *backends_[next_++ % backends_.size()];
    if (!backend.takes_calls() || backend.ejected()) continue;
    Link* const link = backend.RoomFor();
    if (link == nullptr) continue;
    const Rank rank = rank_of(backend, *link);
    if (rank == Rank::kInTurn) return link;
    if (best != nullptr && rank >= best_rank) continue;
    best = link;
    best_rank = rank;
  }
  return best;
}

// One that has come back from its ejection passes on some of its turns.
bool Backends::TakesItsTurn(const Backend& backend, base::Instant now) {
  const double share = ShareOf(backend, now);
  return share >= 1 || std::uniform_real_distribution<double>()(random_) < share;
}

double Backends::ShareOf(const Backend& backend, base::Instant now) const {
  const base::Instant::rep back = backend.seat.shared->back.load(std::memory_order_relaxed);
  if (back == 0) return 1;
  return ShareAfterReturn(base::Instant(base::Instant::duration(back)), slow_start_, now);
}

// Failing calls while an ejected endpoint can be reached would be worse than asking it.
Link* Backends::EjectedIfNoOther() {
  for (const std::unique_ptr<Backend>& backend : backends_) {
    const bool works = backend->IsAlive() && !backend->has_failed();
    if (backend->takes_calls() && !backend->ejected() && works) return nullptr;
  }
  for (size_t i = 0; i < backends_.size(); ++i) {
    const Backend& backend = *backends_[next_++ % backends_.size()];
    if (!backend.takes_calls() || !backend.ejected()) continue;
    if (Link* const link = backend.RoomFor()) return link;
  }
  return nullptr;
}

// Whether an endpoint that is not ejected can be reached, or tried for the first time.
bool Backends::AnyOther(base::Instant now) const {
  return std::any_of(backends_.begin(), backends_.end(), [&](const auto& backend) {
    return backend->takes_calls() && !backend->ejected() && !backend->has_failed() &&
           (backend->IsAlive() || now >= backend->not_before);
  });
}

// Neither is `avoided`; empty: each may be drawn.
Link* Backends::LessBusyOfTwo(base::Instant now, absl::string_view avoided) {
  const auto rank = [&](const Backend& backend, const Link& link) {
    const int64_t active = backend.seat.shared->active.load(std::memory_order_relaxed);
    return std::pair(link.in_doubt(), static_cast<double>(active + 1) / ShareOf(backend, now));
  };
  const Backend* const one = Draw(nullptr, avoided);
  if (one == nullptr) return nullptr;
  Link* const link = one->RoomFor();
  const Backend* const other = Draw(one, avoided);
  if (other == nullptr) return link;
  Link* const others = other->RoomFor();
  return rank(*other, *others) < rank(*one, *link) ? others : link;
}

// One that has room, and is neither of the two; null: there is none. If most of them have room,
// each is as likely as the next one.
Backend* Backends::Draw(const Backend* other, absl::string_view avoided) {
  constexpr int kTries = 4;
  const size_t all = backends_.size();
  const auto fits = [&](const Backend& backend) {
    return &backend != other && backend.takes_calls() && !backend.ejected() &&
           backend.name != avoided && backend.RoomFor() != nullptr;
  };
  for (int i = 0; i < kTries && all > 0; ++i) {
    Backend& drawn = *backends_[random_() % all];
    if (fits(drawn)) return &drawn;
  }
  const size_t from = all == 0 ? 0 : random_() % all;
  for (size_t i = 0; i < all; ++i) {
    Backend& backend = *backends_[(from + i) % all];
    if (fits(backend)) return &backend;
  }
  return nullptr;
}

Link* Backends::PickElsewhere(absl::string_view endpoint, base::Instant now,
                              const MostAtOne& most) {
  if (balancing_ == LoadBalancing::kLeastRequest) {
    Link* const link = LessBusyOfTwo(now, endpoint);
    return link == nullptr || link->in_doubt() ? nullptr : link;
  }
  Link* has_its_part = nullptr;
  for (size_t i = 0; i < backends_.size(); ++i) {
    const Backend& backend = *backends_[(next_ + i) % backends_.size()];
    if (!backend.takes_calls() || backend.ejected() || backend.name == endpoint) continue;
    Link* const link = backend.RoomFor();
    if (link == nullptr || link->in_doubt()) continue;
    if (!HasItsPart(backend, most)) return link;
    if (has_its_part == nullptr) has_its_part = link;
  }
  return has_its_part;
}

void Backends::ChooseFirst(base::Instant now) {
  if (balancing_ != LoadBalancing::kPickFirst || tried_at_ == now) return;
  if (first_ != nullptr && first_->takes_calls() && !first_->ejected() && first_->IsAlive()) {
    return;
  }
  const bool failed = first_ != nullptr && now < first_->not_before;
  first_ = FirstFrom(failed ? first_->place + 1 : 0, now);
  if (failed && first_ == nullptr) tried_at_ = now;
}

Backend* Backends::FirstFrom(size_t place, base::Instant now) const {
  Backend* silent = nullptr;
  Backend* ejected = nullptr;
  for (const std::unique_ptr<Backend>& backend : backends_) {
    if (!backend->takes_calls() || now < backend->not_before) continue;
    if (backend->ejected()) {
      const bool known = place == 0 || backend->IsAlive();
      if (known && ejected == nullptr) ejected = backend.get();
    } else if (backend->place >= place) {
      if (!backend->silent) return backend.get();
      if (silent == nullptr) silent = backend.get();
    }
  }
  return silent == nullptr ? ejected : silent;
}

}  // namespace singleflight::upstream
