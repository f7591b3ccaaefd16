// Questions about endpoints and their connections. Nothing here connects or waits. (balancing.cc:
// which of them takes the next call.)

#include "server/upstream/backends.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace singleflight::upstream {
namespace {

std::unique_ptr<Backend> NewBackend(const net::Endpoint& endpoint, bool tls) {
  auto backend = std::make_unique<Backend>();
  backend->endpoint = endpoint;
  backend->name = net::ToString(endpoint);
  backend->seat = {std::make_shared<EndpointCells>(), std::make_shared<EndpointShared>()};
  if (tls) backend->resumption = std::make_shared<tls::Resumption>();
  return backend;
}

}  // namespace

void Backends::Set(const EndpointList& list, const std::vector<EndpointSeat>& seats) {
  resolved_ = true;
  resolve_error_ = list.error;
  for (const std::unique_ptr<Backend>& backend : backends_) {
    backend->in_force = false;
    backend->place = list.endpoints.size();
  }
  for (size_t i = 0; i < list.endpoints.size(); ++i) {
    Backend* backend = Find(list.endpoints[i]);
    if (backend == nullptr) {
      backends_.push_back(NewBackend(list.endpoints[i], tls_));
      backend = backends_.back().get();
    }
    backend->in_force = true;
    backend->place = i;
    if (i < seats.size()) backend->seat = seats[i];
  }
  std::stable_sort(backends_.begin(), backends_.end(),
                   [](const auto& a, const auto& b) { return a->place < b->place; });
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
  if (first_ != nullptr && !first_->in_force) first_ = nullptr;
  std::erase_if(backends_,
                [](const auto& backend) { return !backend->in_force && backend->links.empty(); });
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
  if (balancing_ == LoadBalancing::kPickFirst) {
    if (&backend != first_) return false;
  } else if (backend.ejected() && AnyOther(now)) {
    return false;
  }
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
    return backend->takes_calls() && backend->IsAlive();
  });
}

std::string Backends::WhyUnreachable() const {
  if (backends_.empty()) {
    return resolve_error_.empty() ? "it has no endpoints" : resolve_error_;
  }
  std::vector<std::string> reasons;
  for (const std::unique_ptr<Backend>& backend : backends_) {
    if (!backend->in_service() || reasons.size() == 3) continue;
    if (backend->unhealthy()) {
      reasons.push_back(absl::StrCat(backend->name, " is unhealthy (health_check)"));
      continue;
    }
    reasons.push_back(absl::StrCat("cannot connect to ", backend->name, ": ", backend->last_error));
  }
  return reasons.empty() ? "its endpoints are taken out (drain)" : absl::StrJoin(reasons, "; ");
}

base::Instant Backends::NextPauseEnd(base::Instant now) const {
  base::Instant next = base::Instant::max();
  for (const std::unique_ptr<Backend>& backend : backends_) {
    if (backend->in_service() && backend->not_before > now)
      next = std::min(next, backend->not_before);
  }
  return next;
}

bool Backend::IsAlive() const {
  return std::any_of(links.begin(), links.end(), [](const auto& link) { return link->alive(); });
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
    const bool left = first_ != nullptr && backend.get() != first_;
    if (backend->in_service() && !left) continue;
    links.insert(links.end(), backend->links.begin(), backend->links.end());
  }
  return links;
}

}  // namespace singleflight::upstream
