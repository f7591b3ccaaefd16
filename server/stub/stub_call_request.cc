// The request of a call on its way to gRPC: its messages, each whole, one after the other.

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/stub/stub_call.h"

// A friend of grpc::ByteBuffer's that gRPC declares and leaves to others. It alone can say that the
// bytes of a message are compressed already, so that they go on as they came.
namespace grpc::internal {
class GrpcByteBufferPeer {
 public:
  static void Set(ByteBuffer& buffer, grpc_byte_buffer* bytes) { buffer.set_buffer(bytes); }
};
}  // namespace grpc::internal

namespace singleflight::stub {
namespace {

using Kind = core::UpstreamFailure::Kind;

// While there is no room, a message of a request that is larger is not waited for.
constexpr size_t kMostWithoutRoom = 64 << 10;

// gRPC gets a copy, since it lets go on threads of its own.
void Fill(grpc::ByteBuffer& buffer, const Message& message, grpc_compression_algorithm compressed) {
  std::vector<grpc_slice> slices;
  for (const base::Slice& part : message.parts) {
    slices.push_back(grpc_slice_from_copied_buffer(part.view().data(), part.size()));
  }
  grpc::internal::GrpcByteBufferPeer::Set(
      buffer, grpc_raw_compressed_byte_buffer_create(slices.data(), slices.size(), compressed));
  for (grpc_slice& slice : slices) grpc_slice_unref(slice);
}

}  // namespace

void StubCall::Send(base::Slice bytes) {
  if (events_ == nullptr) return;
  given_ += bytes.size();
  if (!messages_.Feed(std::move(bytes))) {
    return FailSoon(Kind::kCallersOwn, wire::StatusCode::kInternal, core::Unanswered::kBound,
                    "the request is no sequence of gRPC messages");
  }
  if (messages_.unfinished() > kMostWithoutRoom && !HasRoom()) return;
  if (messages_.unfinished() > 0) ReportSentSoon();
  if (stream_ != nullptr) WriteNext();
}

// Whether there is room for more of a message that is not whole. If not, the call fails.
bool StubCall::HasRoom() {
  const memory::BufferBudget& budget = stub_->surroundings_.buffered.budget();
  if (budget.spent()) {
    FailSoon(Kind::kCallersOwn, wire::StatusCode::kResourceExhausted, core::Unanswered::kBound,
             absl::StrCat("the proxy holds more than limits.max_buffered_bytes (", budget.max(),
                          "), and transport: grpc needs messages whole"));
    return false;
  }
  if (budget.PastShare(head_.client.get())) {
    FailSoon(Kind::kCallersOwn, wire::StatusCode::kResourceExhausted,
             core::Unanswered::kClientShare,
             absl::StrCat("calls of this client hold more than half of limits.max_buffered_bytes (",
                          budget.max(), "), and transport: grpc needs messages whole"));
    return false;
  }
  return true;
}

void StubCall::Finish() {
  if (events_ == nullptr) return;
  finished_ = true;
  if (messages_.unfinished() > 0) {
    return FailSoon(Kind::kCallersOwn, wire::StatusCode::kInternal, core::Unanswered::kBound,
                    "the request ends within a message");
  }
  if (stream_ != nullptr) WriteNext();
}

void StubCall::WriteNext() {
  if (writing_ || closed_) return;
  if (messages_.whole().empty()) {
    if (!finished_) return;
    writing_ = closed_ = true;
    return stream_->WritesDone(write_.Of(*this));
  }
  being_written_ = std::move(messages_.whole().front());
  messages_.whole().pop_front();
  if (being_written_->compressed && context_.compression_algorithm() == GRPC_COMPRESS_NONE) {
    return FailSoon(Kind::kCallersOwn, wire::StatusCode::kInternal, core::Unanswered::kBound,
                    "a message is compressed, and grpc-encoding does not say how");
  }
  Write(*being_written_);
}

// gRPC compresses nothing itself: what came as it is goes on so.
void StubCall::Write(const Message& message) {
  grpc::WriteOptions options;
  options.set_no_compression();
  if (finished_ && messages_.whole().empty()) {
    options.set_last_message();
    closed_ = true;
  }
  writing_ = true;
  grpc::ByteBuffer bytes;
  Fill(bytes, message, message.compressed ? context_.compression_algorithm() : GRPC_COMPRESS_NONE);
  stream_->Write(bytes, options, write_.Of(*this));
}

void StubCall::OnBegun(bool ok) {
  writing_ = false;
  if (ok && events_ != nullptr) WriteNext();
}

void StubCall::OnWritten(bool ok) {
  writing_ = false;
  if (being_written_.has_value()) written_ += being_written_->wire_bytes();
  being_written_.reset();
  if (!ok || events_ == nullptr) return;
  WriteNext();
  ReportSent();
}

void StubCall::ReportSent() {
  if (events_ == nullptr) return;
  const uint64_t gone = given_ - (messages_.whole_bytes() - written_);
  const uint64_t news = gone > reported_ ? gone - reported_ : 0;
  reported_ += news;
  told_and_here_.Set(static_cast<int64_t>(reported_ - written_));
  if (news > 0) events_->OnSent(news);
}

// Not from within Send.
void StubCall::ReportSentSoon() {
  if (std::exchange(reporting_, true)) return;
  stub_->surroundings_.loop.Post([self = shared_from_this()] {
    self->reporting_ = false;
    self->ReportSent();
  });
}

}  // namespace singleflight::stub
