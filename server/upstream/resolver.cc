#include "server/upstream/resolver.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace singleflight::upstream {
namespace asio = boost::asio;

namespace {

constexpr absl::Duration kRetry = absl::Seconds(1);

}  // namespace

Resolver::Resolver(asio::io_context& io, std::string upstream, Target target,
                   absl::Duration refresh_every, Publish publish)
    : upstream_(std::move(upstream)),
      target_(std::move(target)),
      refresh_every_(refresh_every),
      publish_(std::move(publish)),
      resolver_(io),
      timer_(io) {}

void Resolver::Start(std::vector<net::Endpoint> known) {
  known_ = std::move(known);
  if (target_.names.empty()) {
    return publish_(std::make_shared<const EndpointList>(EndpointList{target_.fixed, ""}));
  }
  if (!known_.empty()) publish_(std::make_shared<const EndpointList>(EndpointList{known_, ""}));
  looking_ = true;
  LookUp(0, target_.fixed, "");
}

void Resolver::Refresh() {
  if (target_.names.empty() || looking_ || soon_ || stopped_) return;
  soon_ = true;
  ScheduleIn(kRetry);
}

void Resolver::Stop() {
  stopped_ = true;
  timer_.cancel();
}

// One name after the other.
void Resolver::LookUp(size_t at, std::vector<net::Endpoint> found, std::string error) {
  if (at == target_.names.size()) return Finish(std::move(found), std::move(error));
  const net::HostPort& name = target_.names[at];
  resolver_.async_resolve(
      name.host, name.port,
      [this, alive = weak_from_this(), at, found = std::move(found), error = std::move(error)](
          const boost::system::error_code& failure,
          const asio::ip::tcp::resolver::results_type& results) mutable {
        if (alive.expired() || failure == asio::error::operation_aborted) return;
        if (failure) {
          error =
              absl::StrCat("cannot resolve '", target_.names[at].host, "': ", failure.message());
        }
        for (const auto& result : results) found.emplace_back(result.endpoint());
        LookUp(at + 1, std::move(found), std::move(error));
      });
}

void Resolver::Finish(std::vector<net::Endpoint> found, std::string error) {
  looking_ = false;
  soon_ = !error.empty();
  ScheduleIn(error.empty() ? refresh_every_ : kRetry);
  if (!error.empty()) spdlog::warn("upstream '{}': {}", upstream_, error);
  if (found.empty() && !known_.empty()) return;
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  if (found == known_ && !found.empty()) return;
  known_ = found;
  publish_(std::make_shared<const EndpointList>(EndpointList{std::move(found), std::move(error)}));
}

void Resolver::ScheduleIn(absl::Duration delay) {
  if (stopped_) return;
  timer_.expires_after(absl::ToChronoNanoseconds(delay));
  timer_.async_wait([this, alive = weak_from_this()](const boost::system::error_code& error) {
    if (error || alive.expired() || looking_ || stopped_) return;
    looking_ = true;
    LookUp(0, target_.fixed, "");
  });
}

}  // namespace singleflight::upstream
