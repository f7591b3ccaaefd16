#include "server/stub/stub.h"

#include <utility>
#include <vector>

#include "server/stub/stub_call.h"
#include "server/upstream/target.h"

namespace singleflight::stub {
namespace {

constexpr char kShuttingDown[] = "the proxy is shutting down";

// What its caller holds of a call. Destroying it cancels the call.
class Handle final : public core::UpstreamCall {
 public:
  explicit Handle(std::shared_ptr<StubCall> call) : call_(std::move(call)) {}
  ~Handle() override { call_->Cancel(core::Unanswered::kCancelled); }

  void Cancel(core::Unanswered why) override { call_->Cancel(why); }
  void Send(base::Slice bytes) override { call_->Send(std::move(bytes)); }
  // gRPC's clients send no trailers.
  void Finish(model::SharedHeaders) override { call_->Finish(); }
  void Disown() override {}  // calls wait for nobody's share here
  void Consume(size_t bytes) override { call_->Consume(bytes); }
  void SetEvents(core::UpstreamEvents& events) override { call_->SetEvents(events); }
  const core::UpstreamTrip& trip() const override { return call_->trip(); }

 private:
  const std::shared_ptr<StubCall> call_;
};

}  // namespace

Stub::Stub(const Surroundings& surroundings, const upstream::UpstreamOptions& options,
           std::string target_authority, std::shared_ptr<Channel> channel)
    : surroundings_(surroundings),
      options_(options),
      target_authority_(std::move(target_authority)),
      target_(std::make_shared<const std::string>(options.target)),
      channel_(std::move(channel)) {}

Stub::~Stub() = default;

absl::string_view Stub::AuthorityFor(const model::Request& request) const {
  return upstream::AuthorityFor(options_, target_authority_, request);
}

std::unique_ptr<core::UpstreamCall> Stub::Start(core::UpstreamHead head,
                                                core::UpstreamEvents& events) {
  surroundings_.metrics->begun.Add();
  if (head.again) surroundings_.metrics->resent.Add();
  auto call = std::make_shared<StubCall>(shared_from_this(), std::move(head), events);
  calls_.insert(call.get());
  if (shut_down_) {
    call->FailSoon(core::UpstreamFailure::Kind::kUnreachable, wire::StatusCode::kUnavailable,
                   core::Unanswered::kUnreachable, kShuttingDown);
  } else {
    surroundings_.loop.Post([call] { call->Begin(); });
  }
  return std::make_unique<Handle>(std::move(call));
}

void Stub::Shutdown() {
  shut_down_ = true;
  const std::vector<StubCall*> calls(calls_.begin(), calls_.end());
  for (StubCall* const call : calls) {
    call->FailSoon(core::UpstreamFailure::Kind::kLost, wire::StatusCode::kUnavailable,
                   core::Unanswered::kConnectionLost, kShuttingDown);
  }
}

}  // namespace singleflight::stub
