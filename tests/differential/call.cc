// A planned call by gRPC's callback API: as unary calls do, one request alone goes out together
// with its metadata and its end.

#include "tests/differential/call.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/differential/script.h"
#include "tests/interop/cpp/message_flags.h"
#include "tests/testing/bytes.h"

namespace singleflight::differential {
namespace {

bool IsMark(absl::string_view name) { return name == "age" || name == "cache-status"; }

class PlannedCall final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  PlannedCall(std::shared_ptr<const Plan> plan, std::string way, std::function<void(Outcome)> done)
      : plan_(std::move(plan)), way_(std::move(way)), done_(std::move(done)) {}

  void Start(grpc::GenericStub& stub) {
    for (const auto& [name, value] : plan_->metadata) context_.AddMetadata(name, value);
    if (plan_->deadline_ms > 0) {
      context_.set_deadline(std::chrono::system_clock::now() +
                            std::chrono::milliseconds(plan_->deadline_ms));
    }
    const grpc_compression_algorithm algorithms[] = {GRPC_COMPRESS_NONE, GRPC_COMPRESS_GZIP,
                                                     GRPC_COMPRESS_DEFLATE};
    context_.set_compression_algorithm(algorithms[plan_->compression]);
    if (alone()) context_.set_initial_metadata_corked(true);
    stub.PrepareBidiStreamingCall(
        &context_, absl::StrCat("/", way_, "/differential.Echo/", plan_->kind), {}, this);
    Write();
    if (!plan_->in_turn) Read();
    StartCall();
  }

 private:
  bool alone() const { return plan_->messages.size() == 1 && !plan_->in_turn; }

  // The next message, or the end.
  void Write() {
    if (written_ == plan_->messages.size()) return StartWritesDone();
    const Message& message = plan_->messages[written_++];
    out_ = testing::ToBuffer(PayloadOf(message.size, message.seed));
    grpc::WriteOptions options;
    if (!message.compressed) options.set_no_compression();
    alone() ? StartWriteLast(&out_, options) : StartWrite(&out_, options);
  }
  void Read() {
    if (plan_->cancel_after == static_cast<int64_t>(read_)) return context_.TryCancel();
    StartRead(&in_);
  }

  void OnWriteDone(bool ok) override {
    if (plan_->in_turn) return Read();
    if (ok && !alone()) Write();
  }
  // In turn, the replies beyond the last message are read after the end.
  void OnWritesDoneDone(bool) override {
    if (plan_->in_turn) Read();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    ++read_;
    const bool compressed = grpc::testing::InteropClientContextInspector::Compressed(context_);
    absl::StrAppend(&messages_, "message ", DigestOf(testing::ToString(in_)),
                    compressed ? " compressed\n" : "\n");
    if (plan_->in_turn && !ended_) {
      ended_ = written_ == plan_->messages.size();
      return Write();
    }
    Read();
  }
  void OnDone(const grpc::Status& status) override {
    Outcome outcome;
    const testing::Metadata initial = testing::ToMetadata(context_.GetServerInitialMetadata());
    const testing::Metadata trailing = testing::ToMetadata(context_.GetServerTrailingMetadata());
    NoteMarks(initial, &outcome);
    NoteMarks(trailing, &outcome);
    outcome.text = Text(status, initial, trailing);
    done_(std::move(outcome));
    delete this;
  }

  static void NoteMarks(const testing::Metadata& block, Outcome* outcome) {
    for (const auto& [name, value] : block) {
      if (name != "cache-status") continue;
      outcome->hit = outcome->hit || absl::StrContains(value, "; hit");
      outcome->collapsed = outcome->collapsed || absl::StrContains(value, "; collapsed");
    }
  }

  std::string Text(const grpc::Status& status, const testing::Metadata& initial,
                   const testing::Metadata& trailing) const {
    std::string text = absl::StrCat("status ", status.error_code());
    if (plan_->code_only) return text;
    absl::StrAppend(&text, " '", status.error_message(), "' ",
                    absl::BytesToHexString(status.error_details()), "\n",
                    Fields("initial ", initial), messages_);
    if (plan_->cancel_after < 0) absl::StrAppend(&text, Fields("trailing ", trailing));
    return text;
  }

  std::string Fields(absl::string_view block, const testing::Metadata& fields) const {
    std::string text;
    for (const auto& [name, value] : fields) {
      if (Shares(way_) && IsMark(name)) continue;
      if (name == "x-report-bin") {
        absl::StrAppend(&text, Reported(value));
      } else {
        absl::StrAppend(&text, block, name, "=", absl::BytesToHexString(value), "\n");
      }
    }
    return text;
  }

  // The chain marker is of shared calls.
  std::string Reported(const std::string& report) const {
    std::string text;
    for (const absl::string_view line : absl::StrSplit(report, '\n', absl::SkipEmpty())) {
      if (Shares(way_) && absl::StartsWith(line, "field singleflight-chain=")) continue;
      absl::StrAppend(&text, "backend saw ", line, "\n");
    }
    return text;
  }

  const std::shared_ptr<const Plan> plan_;
  const std::string way_;
  const std::function<void(Outcome)> done_;
  grpc::ClientContext context_;
  grpc::ByteBuffer in_, out_;
  size_t written_ = 0;
  size_t read_ = 0;
  bool ended_ = false;
  std::string messages_;
};

// The lines of an outcome that must be the same by that way. A shared call has a deadline of its
// own; one that is sent again says so; with transport: grpc, gRPC names itself and inflates
// replies.
std::string Compared(const std::string& text, const std::string& way) {
  const bool again = absl::EndsWith(way, "_again"), by_grpc = absl::EndsWith(way, "_by_grpc");
  std::string compared;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (Shares(way) && line == "backend saw deadline") continue;
    if (again && absl::StartsWith(line, "backend saw field grpc-previous-rpc-attempts=")) continue;
    if (by_grpc && absl::StartsWith(line, "backend saw field user-agent=")) continue;
    if (by_grpc && absl::StartsWith(line, "message ")) absl::ConsumeSuffix(&line, " compressed");
    absl::StrAppend(&compared, line, "\n");
  }
  return compared;
}

}  // namespace

bool Shares(const std::string& way) { return way != "direct" && !absl::StartsWith(way, "relay"); }

bool Same(const Outcome& direct, const Outcome& other, const std::string& way) {
  return Compared(direct.text, way) == Compared(other.text, way);
}

void Call(grpc::GenericStub& stub, const std::shared_ptr<const Plan>& plan, const std::string& way,
          std::function<void(Outcome)> done) {
  (new PlannedCall(plan, way, std::move(done)))->Start(stub);
}

}  // namespace singleflight::differential
