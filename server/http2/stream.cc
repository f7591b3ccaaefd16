#include "server/http2/stream.h"

#include <nghttp2/nghttp2.h>

#include <utility>

#include "server/http2/session.h"

namespace singleflight::http2 {

absl::string_view NameOfError(uint32_t error) { return nghttp2_http2_strerror(error); }

void Stream::SendHeaders(model::HeadersView fields, bool end, absl::Span<const model::Field> more) {
  if (reset_) return;
  finished_ = end;
  session_.SubmitReply(*this, fields, more, end);
}

void Stream::Send(base::Slice bytes) {
  if (reset_ || finished_ || bytes.empty()) return;
  if (queue_.empty()) ++session_.streams_with_bytes_;
  queue_.Push(std::move(bytes));
  Resume();
}

void Stream::Finish(model::SharedHeaders trailing) {
  if (reset_ || finished_) return;
  finished_ = true;
  trailing_ = std::move(trailing);
  if (trailing_.empty() || !session_.SubmitTrailing(*this)) Resume();
}

bool Stream::ended() const {
  return nghttp2_session_get_stream_local_close(session_.session_, id_) == 1;
}

void Stream::Resume() {
  if (!deferred_) return;  // nghttp2 asks by itself, or will
  deferred_ = false;
  nghttp2_session_resume_data(session_.session_, id_);
  session_.Wake();
}

void Stream::Reset(ErrorCode code) {
  if (reset_) return;
  reset_ = true;
  DropQueue();
  const std::shared_ptr<StreamEvents> let_go = std::move(handler_);
  nghttp2_submit_rst_stream(session_.session_, NGHTTP2_FLAG_NONE, id_, static_cast<uint32_t>(code));
  session_.Wake();
}

void Stream::ResetBehindData(ErrorCode code) {
  if (reset_ || queue_.empty()) return Reset(code);
  reset_ = true;
  reset_behind_data_ = true;
  reset_code_ = code;
  const std::shared_ptr<StreamEvents> let_go = std::move(handler_);
}

// Nothing waits any more.
void Stream::Drained() {
  --session_.streams_with_bytes_;
  progress_.Rest();
}

void Stream::DropQueue() {
  if (queue_.empty()) return;
  queue_.Clear();
  Drained();
}

// Once a tick. `blocked`: there is no window, so it is the peer's turn.
bool Stream::Stalled(bool blocked) { return !queue_.empty() && progress_.Stalled(blocked); }

void Stream::CutOff() {
  const std::shared_ptr<StreamEvents> handler = handler_;
  reset_ = false;  // to be reset behind data, which does not get away
  reset_behind_data_ = false;
  Reset(ErrorCode::kCancel);
  if (handler != nullptr) handler->OnClosed({Closed::Why::kStalled});
}

void Stream::MarkWasted() {
  wasted_ = true;
  session_.CountWasted();
}

void Stream::Consume(size_t bytes) {
  if (reset_ || peer_ended_ || bytes == 0) return;
  nghttp2_session_consume_stream(session_.session_, id_, bytes);
  session_.Wake();
}

}  // namespace singleflight::http2
