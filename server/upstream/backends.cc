// Questions about connections, and the turns that endpoints take. Nothing here connects or waits.

#include "server/upstream/backends.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace singleflight::upstream {
namespace {

Link* RoomOn(const Backend& backend) {
  const auto rank = [](const Link& link) { return std::pair(link.in_doubt(), link.streams()); };
  Link* best = nullptr;
  for (const std::shared_ptr<Link>& link : backend.links) {
    if (link->CanOpen() && (best == nullptr || rank(*link) < rank(*best))) best = link.get();
  }
  return best;
}

bool IsAlive(const Backend& backend) {
  return std::any_of(backend.links.begin(), backend.links.end(),
                     [](const auto& link) { return link->alive(); });
}

std::unique_ptr<Backend> NewBackend(const net::Endpoint& endpoint, bool tls) {
  auto backend = std::make_unique<Backend>();
  backend->endpoint = endpoint;
  backend->name = net::ToString(endpoint);
  backend->seat.cells = std::make_shared<EndpointCells>();
  if (tls) backend->resumption = std::make_shared<tls::Resumption>();
  return backend;
}

}  // namespace

void Backends::Set(const EndpointList& list, const std::vector<EndpointSeat>& seats) {
  resolved_ = true;
  resolve_error_ = list.error;
  for (const std::unique_ptr<Backend>& backend : backends_) backend->in_force = false;
  for (size_t i = 0; i < list.endpoints.size(); ++i) {
    Backend* backend = Find(list.endpoints[i]);
    if (backend == nullptr) {
      backends_.push_back(NewBackend(list.endpoints[i], tls_));
      backend = backends_.back().get();
    }
    backend->in_force = true;
    if (i < seats.size()) backend->seat = seats[i];
  }
}

Backend* Backends::Find(const net::Endpoint& endpoint) const {
  const auto known = std::find_if(backends_.begin(), backends_.end(), [&](const auto& backend) {
    return backend->endpoint == endpoint;
  });
  return known == backends_.end() ? nullptr : known->get();
}

void Backends::SetDrained(const net::Endpoint& endpoint, bool drained) {
  if (Backend* const backend = Find(endpoint)) backend->seat.drained = drained;
}

void Backends::DropIdle() {
  std::erase_if(backends_,
                [](const auto& backend) { return !backend->in_force && backend->links.empty(); });
}

Link* Backends::Pick() {
  Link* doubtful = nullptr;
  for (size_t i = 0; i < backends_.size(); ++i) {
    const Backend& backend = *backends_[next_++ % backends_.size()];
    if (!backend.takes_calls()) continue;
    Link* const link = RoomOn(backend);
    if (link == nullptr) continue;
    if (!link->in_doubt()) return link;
    if (doubtful == nullptr) doubtful = link;
  }
  return doubtful;
}

bool Backends::MayOpen(const memory::Client* client) const {
  if (client == nullptr) return true;
  size_t its = 0;
  size_t all = 0;
  size_t there = 0;
  for (const std::unique_ptr<Backend>& backend : backends_) {
    if (!backend->takes_calls()) continue;
    size_t most = 0;
    for (const std::shared_ptr<Link>& link : backend->links) {
      if (!link->alive()) continue;
      most = std::max(most, link->max_streams());
      its += link->shares().of(client);
      all += link->shares().all();
    }
    there += most * max_links_;
  }
  return its == 0 || !memory::PastShare(static_cast<int64_t>(its + 1),
                                        static_cast<int64_t>(all + 1), static_cast<int64_t>(there));
}

bool Backends::WantsLink(const Backend& backend, base::Instant now) const {
  if (!backend.takes_calls() || now < backend.not_before) return false;
  size_t alive = 0;
  for (const std::shared_ptr<Link>& link : backend.links) {
    if (!link->alive()) continue;
    if (!link->ready() || link->CanOpen()) return false;
    ++alive;
  }
  return alive < max_links_;
}

bool Backends::AnyHope() const {
  return !resolved_ || std::any_of(backends_.begin(), backends_.end(), [](const auto& backend) {
    return backend->takes_calls() && IsAlive(*backend);
  });
}

std::string Backends::WhyUnreachable() const {
  if (backends_.empty()) {
    return resolve_error_.empty() ? "it has no endpoints" : resolve_error_;
  }
  std::vector<std::string> reasons;
  for (const std::unique_ptr<Backend>& backend : backends_) {
    if (!backend->takes_calls() || reasons.size() == 3) continue;
    reasons.push_back(absl::StrCat("cannot connect to ", backend->name, ": ", backend->last_error));
  }
  return reasons.empty() ? "its endpoints are taken out (drain)" : absl::StrJoin(reasons, "; ");
}

base::Instant Backends::NextPauseEnd(base::Instant now) const {
  base::Instant next = base::Instant::max();
  for (const std::unique_ptr<Backend>& backend : backends_) {
    if (backend->takes_calls() && backend->not_before > now)
      next = std::min(next, backend->not_before);
  }
  return next;
}

Backend* Backends::BackendOf(const Link& link) const {
  for (const std::unique_ptr<Backend>& backend : backends_) {
    for (const std::shared_ptr<Link>& candidate : backend->links) {
      if (candidate.get() == &link) return backend.get();
    }
  }
  return nullptr;
}

Backend* Backends::TakeOut(const Link& link) {
  Backend* const backend = BackendOf(link);
  if (backend == nullptr) return nullptr;
  std::erase_if(backend->links,
                [&](const std::shared_ptr<Link>& candidate) { return candidate.get() == &link; });
  return backend;
}

std::vector<std::shared_ptr<Link>> Backends::Links() const {
  std::vector<std::shared_ptr<Link>> links;
  for (const std::unique_ptr<Backend>& backend : backends_) {
    links.insert(links.end(), backend->links.begin(), backend->links.end());
  }
  return links;
}

std::vector<std::shared_ptr<Link>> Backends::LinksWithoutCalls() const {
  std::vector<std::shared_ptr<Link>> links;
  for (const std::unique_ptr<Backend>& backend : backends_) {
    if (backend->takes_calls()) continue;
    links.insert(links.end(), backend->links.begin(), backend->links.end());
  }
  return links;
}

}  // namespace singleflight::upstream
