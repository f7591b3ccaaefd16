// A call of a route with `mode: shadow`. It looks to its caller like an upstream call, and is one:
// bytes, blocks, ends and failures pass as they come. On their way they are looked at for Shadow.

#ifndef SINGLEFLIGHT_SERVER_CORE_SHADOWED_CALL_H_
#define SINGLEFLIGHT_SERVER_CORE_SHADOWED_CALL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/core/gathered.h"
#include "server/core/read_path.h"
#include "server/wire/message.h"

namespace singleflight::core {

// `next`, seen by a caller of a route in shadow whose connection has that trust. What Start returns
// refers to `path` and `route`, not to this nor to `next`.
class ShadowedUpstream final : public Upstream {
 public:
  ShadowedUpstream(ReadPath& path, Route& route, uint32_t trust, Upstream& next)
      : path_(path), route_(route), trust_(trust), next_(next) {}

  std::unique_ptr<UpstreamCall> Start(UpstreamHead head, UpstreamEvents& events) override;
  absl::string_view AuthorityFor(const model::Request& request) const override {
    return next_.AuthorityFor(request);
  }

 private:
  ReadPath& path_;
  Route& route_;
  const uint32_t trust_;
  Upstream& next_;
};

class ShadowedCall final : public UpstreamCall, private UpstreamEvents {
 public:
  ShadowedCall(ReadPath& path, Route& route, uint32_t trust, Upstream& next, UpstreamHead head,
               UpstreamEvents& events);
  ~ShadowedCall() override { EndWithout(Comparison::kFailed); }

  void Cancel(Unanswered why) override { call_->Cancel(why); }
  void Send(base::Slice bytes) override;
  void Finish(model::SharedHeaders trailing) override;
  void Disown() override { call_->Disown(); }
  void Consume(size_t bytes) override { call_->Consume(bytes); }
  void SetEvents(UpstreamEvents& events) override { events_ = &events; }
  const UpstreamTrip& trip() const override { return call_->trip(); }

 private:
  void OnInitial(model::Headers fields, bool end) override;
  void OnData(absl::string_view bytes) override;
  void OnEnd(model::Headers trailing) override;
  void OnSent(size_t bytes) override { events_->OnSent(bytes); }
  void OnFailed(UpstreamFailure failure) override;
  size_t wanted() const override { return events_->wanted(); }

  void LookNoMore();
  void Look(absl::string_view reply);
  void Board();
  WouldBe RoleOf();
  cache::Found Kept(const model::Key& key, const cache::RequestControl& control) const;
  void Judge(model::ReplyParts parts);
  void Count(SharedBy by, const Shadow::Counts& counts);
  void Keep(const model::Reply& reply, const model::Headers& print);
  void EndWithout(Comparison outcome);
  bool IsWatched() const { return role_ != WouldBe::kAlone && !over_; }
  RouteMetrics& metrics() const;
  const LoopContext& around() const { return path_.around(); }

  ReadPath& path_;
  Route& route_;
  const uint32_t trust_;
  const std::shared_ptr<const model::Request> request_;
  UpstreamEvents* events_;
  memory::Buffered::Part own_bytes_;  // what is gathered here
  std::unique_ptr<UpstreamCall> call_;

  Gathered message_;  // of the request, until it is whole
  wire::MessageScanner request_scanner_;
  bool asked_ = false;  // the request is whole, or will not be looked at
  bool over_ = false;   // what there was to compare has been

  WouldBe role_ = WouldBe::kAlone;
  std::shared_ptr<Shadow::Party> party_;
  Printed kept_;  // of a hit
  model::Key key_;
  absl::optional<std::vector<std::string>> tags_;  // nothing: its reply is not kept
  cache::Fill fill_;
  base::Instant sent_at_;

  absl::optional<model::Headers> initial_;
  bool framed_ = false;
  cache::Age age_;
  Gathered body_;
  wire::MessageScanner scanner_;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_SHADOWED_CALL_H_
