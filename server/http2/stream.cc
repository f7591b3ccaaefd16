#include "server/http2/stream.h"

#include <nghttp2/nghttp2.h>

#include <utility>

#include "server/http2/session.h"

namespace singleflight::http2 {

void Stream::SendHeaders(model::HeadersView fields, bool end, absl::Span<const model::Field> more) {
  if (reset_) return;
  finished_ = end;
  session_.SubmitReply(*this, fields, more, end);
}

void Stream::Send(base::Slice bytes) {
  if (reset_ || finished_ || bytes.empty()) return;
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
  queue_.Clear();
  const std::shared_ptr<StreamHandler> let_go = std::move(handler_);
  nghttp2_submit_rst_stream(session_.session_, NGHTTP2_FLAG_NONE, id_, static_cast<uint32_t>(code));
  session_.Wake();
}

void Stream::ResetBehindData(ErrorCode code) {
  if (reset_ || queue_.empty()) return Reset(code);
  reset_ = true;
  reset_behind_data_ = true;
  reset_code_ = code;
  const std::shared_ptr<StreamHandler> let_go = std::move(handler_);
}

void Stream::Consume(size_t bytes) {
  if (reset_ || peer_ended_ || bytes == 0) return;
  nghttp2_session_consume_stream(session_.session_, id_, bytes);
  session_.Wake();
}

}  // namespace singleflight::http2
