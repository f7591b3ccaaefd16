#include "server/ctl/stats_stream.h"

namespace singleflight::ctl {
namespace {

admin::v1::WatchStatsRequest Every(absl::Duration interval) {
  admin::v1::WatchStatsRequest request;
  const int64_t nanos = absl::ToInt64Nanoseconds(interval);
  request.mutable_interval()->set_seconds(nanos / 1'000'000'000);
  request.mutable_interval()->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
  return request;
}

}  // namespace

// One operation at a time is under way, so none needs a tag.
StatsStream::StatsStream(Proxy& proxy, absl::Duration interval, std::function<absl::Time()> now)
    : proxy_(proxy), now_(std::move(now)), patience_(interval + proxy.place().timeout) {
  reader_ = proxy_.stub().PrepareAsyncWatchStats(&context_, Every(interval), &queue_);
}

StatsStream::~StatsStream() {
  context_.TryCancel();
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

StatsStream::Came StatsStream::Await(absl::FunctionRef<void()> begin) {
  begin();
  void* tag = nullptr;
  bool ok = false;
  const auto deadline = absl::ToChronoTime(now_() + patience_);
  switch (queue_.AsyncNext(&tag, &ok, deadline)) {
    case grpc::CompletionQueue::GOT_EVENT:
      return ok ? Came::kYes : Came::kNo;
    case grpc::CompletionQueue::TIMEOUT:
      return Came::kLate;
    case grpc::CompletionQueue::SHUTDOWN:
      return Came::kNo;
  }
  return Came::kNo;
}

absl::Status StatsStream::End() {
  grpc::Status status(grpc::StatusCode::DEADLINE_EXCEEDED, "");
  if (Await([&] { reader_->Finish(&status_, nullptr); }) == Came::kYes) status = status_;
  return FromGrpc(status, proxy_.place());
}

absl::StatusOr<absl::optional<admin::v1::Stats>> StatsStream::Next() {
  Came came = Came::kYes;
  if (!started_) came = Await([this] { reader_->StartCall(nullptr); });
  started_ = true;
  if (came == Came::kYes) came = Await([this] { reader_->Read(&stats_, nullptr); });
  switch (came) {
    case Came::kYes:
      return absl::make_optional(stats_);
    case Came::kLate:
      return FromGrpc({grpc::StatusCode::DEADLINE_EXCEEDED, ""}, proxy_.place());
    case Came::kNo:
      break;
  }
  if (absl::Status status = End(); !status.ok()) return status;
  return absl::optional<admin::v1::Stats>();
}

}  // namespace singleflight::ctl
