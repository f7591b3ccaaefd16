#ifndef SINGLEFLIGHT_SERVER_PROXY_RELAY_H_
#define SINGLEFLIGHT_SERVER_PROXY_RELAY_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "server/base/loop.h"
#include "server/core/invalidation.h"
#include "server/core/upstream.h"
#include "server/core/waiter.h"
#include "server/http2/progress.h"
#include "server/http2/stream.h"
#include "server/memory/pieces.h"
#include "server/proxy/passing_write.h"
#include "server/wire/message.h"

namespace singleflight::proxy {

// What a relay tells its call. The relay may be destroyed from within either.
class RelayEvents {
 public:
  // The reply's first block, to be sent to the caller. `end`: it is all of the reply.
  // False: the caller does not take it, and the call has been ended.
  virtual bool OnRelayHeaders(model::HeadersView fields, bool end) = 0;

  // The trailing block, which goes to the caller next. False: likewise.
  virtual bool OnRelayTrailers(model::Headers& fields) = 0;

  // The reply's last byte has been given to the caller's stream.
  virtual void OnRelayEnded() = 0;

  // The caller has begun a message and hardly goes on with it.
  virtual void OnRelayStalled() = 0;

  // What Relay::WatchReply has found: the reply has two messages; or it ended well, and it and the
  // request had one message each.
  virtual void OnRelayStreams() = 0;
  virtual void OnRelayUnary() = 0;

  // There is no room for what the caller leaves unread of the reply.
  virtual void OnRelayUnread() = 0;

  // Upstream ended without a status, or reset the stream; the caller has yet to be told.
  virtual void OnRelayFailed(const core::UpstreamFailure& failure) = 0;

 protected:
  ~RelayEvents() = default;
};

// One caller's stream and one upstream call, coupled: bytes, blocks, ends and resets cross as they
// come. The window of each stream opens as the other side drains, so that a slow end slows its peer
// and nothing is held beyond one window.
//
// Time: a caller may be silent between messages for as long as it likes. Within one it has to make
// progress (http2::Progress) in each stall_timeout in which upstream takes what it sends.
class Relay final : public core::UpstreamEvents {
 public:
  // What it is made in.
  struct Setting {
    base::Loop& loop;
    memory::Buffered& buffered;
    absl::Duration stall_timeout;
    int64_t call_bytes;  // what the upstream call takes itself
    std::shared_ptr<memory::Client> client = nullptr;
  };

  // Sends the call.
  Relay(http2::Stream& downstream, core::Upstream& upstream, core::UpstreamHead head,
        const Setting& setting, RelayEvents& events);

  // Goes on with a call whose flight could not share its reply. GoOn next.
  Relay(http2::Stream& downstream, std::unique_ptr<core::UpstreamCall> call, const Setting& setting,
        RelayEvents& events);

  // What of that reply has come, as Takeover has it.
  void GoOn(absl::optional<model::Headers> initial, std::string body);

  // Looks at what the caller sends, before Send: the largest message that it has announced so far.
  uint32_t LargestMessageWith(absl::string_view bytes) {
    scanner_.Feed(bytes);
    return scanner_.largest();
  }

  // Goes on from where the call's own look at its first bytes ended.
  void Scanned(const wire::MessageScanner& scanner) { scanner_ = scanner; }

  // Follows the messages of the reply from now on, behind `so_far`, and tells what they prove.
  void WatchReply(const wire::MessageScanner& so_far) { reply_scanner_ = so_far; }

  // Bytes of the request that upstream has yet to take.
  size_t waiting() const { return on_its_way_; }

  // What the caller sends; it holds the caller's window until it has left for upstream.
  void Send(absl::string_view bytes);

  // What it had sent before, which holds no window.
  void SendAhead(base::Slice bytes);
  void Finish(model::SharedHeaders trailing);

  // The call is a write. Before anything of it is sent.
  void WatchWrite(std::unique_ptr<PassingWrite> write) { write_ = std::move(write); }

  // Ends the upstream call for that reason. Nothing may be called afterwards but replied.
  void Cancel(core::Unanswered why);

  // The caller's stream has written so many bytes of the reply.
  void OnWritten(size_t bytes);

  // Kept until the call is over, however it ends.
  void Keep(core::Invalidation invalidation) { invalidation_ = std::move(invalidation); }
  void Invalidate() { invalidation_.Discharge(); }

  // Of the upstream call; also once that is over.
  const core::UpstreamTrip& trip() const { return call_->trip(); }

  // Whether the caller has the reply's first block.
  bool replied() const { return replied_; }

 private:
  void OnInitial(model::Headers fields, bool end) override;
  void OnData(absl::string_view bytes) override;
  void OnEnd(model::Headers trailing) override;
  void OnSent(size_t bytes) override;
  void OnFailed(core::UpstreamFailure failure) override;

  void Forward(base::Slice bytes);
  void OnStallTick();
  bool WasUnary(const model::Headers& trailing) const;

  // Many members, in three groups: what it works with, the call, and how far each way has got.

  http2::Stream& downstream_;
  base::Loop& loop_;
  memory::Buffered& buffered_;
  const memory::Buffered::Part own_bytes_;
  const absl::Duration stall_timeout_;
  RelayEvents& events_;
  memory::Pieces request_pieces_;
  memory::Pieces reply_pieces_;
  memory::ClientBytes client_bytes_;  // on their way through here, either way
  std::unique_ptr<core::UpstreamCall> call_;
  core::Invalidation invalidation_;
  std::unique_ptr<PassingWrite> write_;                 // null: it is none
  wire::MessageScanner scanner_;                        // of the request
  absl::optional<wire::MessageScanner> reply_scanner_;  // while it is of interest
  bool replied_ = false;
  size_t uncoupled_request_ = 0;  // bytes ahead that hold no window
  size_t uncoupled_reply_ = 0;
  size_t on_its_way_ = 0;        // bytes of the request that have not left for upstream
  size_t unread_ = 0;            // bytes of the reply that have not left for the caller
  http2::Progress progress_{1};  // of a message that has begun
  uint64_t ended_ = 0;           // messages that had ended at the last tick
  base::Timer stall_timer_;      // runs while a message has begun, and perhaps a little longer
};

}  // namespace singleflight::proxy

#endif  // SINGLEFLIGHT_SERVER_PROXY_RELAY_H_
