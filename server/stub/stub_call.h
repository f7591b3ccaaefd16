// One call on gRPC. stub_call.cc tells which operations are under way together, and what each leads
// to.
//
// Threads: its worker's, but for Operation::OnDone.
// Ownership: its handle and each operation under way share it: gRPC writes into it until then.

#ifndef SINGLEFLIGHT_SERVER_STUB_STUB_CALL_H_
#define SINGLEFLIGHT_SERVER_STUB_STUB_CALL_H_

#include <grpcpp/generic/generic_stub.h>

#include <memory>
#include <string>
#include <vector>

#include "server/core/upstream.h"
#include "server/memory/buffered.h"
#include "server/memory/client.h"
#include "server/stub/completions.h"
#include "server/stub/messages.h"
#include "server/stub/stub.h"
#include "server/stub/verdict.h"

namespace singleflight::stub {

class StubCall final : public std::enable_shared_from_this<StubCall> {
 public:
  StubCall(std::shared_ptr<Stub> stub, core::UpstreamHead head, core::UpstreamEvents& events);
  ~StubCall();

  // Begins it, in a turn after the one in which it was made: what has been sent by then goes with
  // its head.
  void Begin();

  // For the handle.
  void Send(base::Slice bytes);
  void Finish();
  void Consume(size_t bytes);
  void SetEvents(core::UpstreamEvents& events) { events_ = &events; }
  void Cancel(core::Unanswered why);
  const core::UpstreamTrip& trip() const { return trip_; }

  // Ends it here, and tells its caller. In a turn of its own.
  void Fail(core::UpstreamFailure failure, core::Unanswered why);
  void FailSoon(core::UpstreamFailure::Kind kind, wire::StatusCode status, core::Unanswered why,
                absl::string_view message);

 private:
  // Something that gRPC was asked to do. It is one kind of thing, and done before it is asked for
  // again.
  class Operation final : public Completion {
   public:
    using Then = void (StubCall::*)(bool ok);
    explicit Operation(Then then) : then_(then) {}

    // The tag, for one time.
    void* Of(StubCall& call) {
      call_ = call.shared_from_this();
      return static_cast<Completion*>(this);
    }
    void OnDone(bool ok) override;

   private:
    const Then then_;
    std::shared_ptr<StubCall> call_;  // while it is under way
  };

  bool Prepare();
  void WriteNext();
  void Write(const Message& message);
  void Read();
  void ReportSent();
  void ReportSentSoon();
  bool HasRoom();

  void OnBegun(bool ok);
  void OnInitial(bool ok);
  void OnRead(bool ok);
  void OnWritten(bool ok);
  void OnFinished(bool ok);

  void Deliver();
  bool DeliverPiece();
  void EndIfOver();
  absl::optional<Verdict> JudgeEnd() const;
  void EndAnswered();
  void EndUnanswered(const Verdict& verdict);

  void NoteFirst();
  void NoteEnd();
  void LetGo();
  void EndSpan(absl::optional<wire::StatusCode> status, absl::string_view error);
  base::Instant Now() const { return stub_->surroundings_.loop.Now(); }
  upstream::UpstreamMetrics& metrics() const { return *stub_->surroundings_.metrics; }
  upstream::EndpointCells& cells() const { return *stub_->surroundings_.cells; }

  // Many members, in three groups: the call, what goes out, what comes in.
  const std::shared_ptr<Stub> stub_;
  std::unique_ptr<trace::OpenSpan> span_;  // until the call ends; null: it is not recorded
  const core::UpstreamHead head_;
  core::UpstreamEvents* events_;  // null once the call has ended for it
  core::UpstreamTrip trip_;
  upstream::Waits::Place wait_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;  // null: it has not begun
  Operation begin_{&StubCall::OnBegun};
  Operation initial_{&StubCall::OnInitial};
  Operation read_{&StubCall::OnRead};
  Operation write_{&StubCall::OnWritten};
  Operation finish_{&StubCall::OnFinished};

  Messages messages_;
  absl::optional<Message> being_written_;  // counts until gRPC has written its copy
  bool writing_ = false;                   // something is being written, the head included
  bool finished_ = false;                  // the caller has sent all
  bool closed_ = false;                    // gRPC has been told so, or is told nothing more
  uint64_t given_ = 0;                     // bytes
  uint64_t written_ = 0;                   // likewise, of whole messages
  uint64_t reported_ = 0;                  // as sent
  memory::ClientBytes told_and_here_{head_.client};  // of those, what has not been written
  bool reporting_ = false;

  grpc::ByteBuffer buffer_;            // what is being read into
  std::vector<grpc::Slice> incoming_;  // of the message that is being delivered
  memory::Buffered::Part held_;        // its bytes
  size_t at_ = 0;                      // the piece that is next, and how much of it is gone
  size_t gone_ = 0;
  size_t unconsumed_ = 0;
  bool reading_ = false;
  bool delivering_ = false;
  bool begun_to_answer_ = false;  // the caller has the first block
  bool read_all_ = false;
  bool has_status_ = false;
  grpc::Status status_;
};

}  // namespace singleflight::stub

#endif  // SINGLEFLIGHT_SERVER_STUB_STUB_CALL_H_
