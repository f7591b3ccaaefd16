#include "tests/bench/programs/made_call.h"

#include <nghttp2/nghttp2.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace singleflight::bench {
namespace {

int Number(absl::string_view text) {
  int number;
  return absl::SimpleAtoi(text, &number) ? number : -1;
}

}  // namespace

void MadeCall::OnField(absl::string_view name, absl::string_view value) {
  if (name == ":status") {
    http_status_ = Number(value);
  } else if (name == "grpc-status") {
    grpc_status_ = Number(value);
    ++grpc_statuses_;
  } else if (name == "grpc-message") {
    message_ = std::string(value);
  }
}

void MadeCall::OnData(absl::string_view bytes) {
  if (kind_ == Kind::kUpload && received_bytes_ == 0) {
    upload_reply_ = Framed(absl::StrCat(request.messages()));
    expected_ = Body(upload_reply_, 1);
  }
  received_bytes_ += bytes.size();
  wrong_bytes_ = wrong_bytes_ || !expected_.Take(bytes);
}

bool MadeCall::Succeeded() const {
  if (http_status_ != 200) return false;
  if (cut_ && !ended_) return grpc_statuses_ == 0;
  return ended_ && grpc_statuses_ == 1 && grpc_status_ == 0;
}

bool MadeCall::Complete() const {
  if (kind_ != Kind::kDownload) return received_bytes_ > 0 && expected_.left() == 0;
  return expected_.messages() > 0 && (cut_ || expected_.BetweenMessages());
}

Verdict MadeCall::Judge() const {
  if (!Succeeded()) return Verdict::kFailed;
  return wrong_bytes_ || !Complete() ? Verdict::kMismatched : Verdict::kRight;
}

int MadeCall::Status(uint32_t reset) const {
  constexpr int kCancelled = 1, kUnknown = 2, kExhausted = 8, kInternal = 13, kUnavailable = 14;
  if (grpc_statuses_ == 1) return grpc_status_;
  if (ended_) return kUnknown;
  if (reset == NGHTTP2_CANCEL) return kCancelled;
  if (reset == NGHTTP2_REFUSED_STREAM) return kUnavailable;
  return reset == NGHTTP2_ENHANCE_YOUR_CALM ? kExhausted : kInternal;
}

std::string MadeCall::Complaint(uint32_t reset) const {
  const std::string was_reset = absl::StrCat("reset with ", nghttp2_http2_strerror(reset));
  if (http_status_ == 0 && !ended_) return was_reset;
  if (http_status_ != 200) return absl::StrCat("HTTP status ", http_status_);
  if (grpc_statuses_ > 1) return absl::StrCat(grpc_statuses_, " times grpc-status");
  if (grpc_statuses_ == 1 && grpc_status_ != 0) return absl::StrCat("grpc-status ", grpc_status_);
  if (!ended_ && !cut_) return was_reset;
  if (!Succeeded()) return "no grpc-status";
  if (wrong_bytes_) return absl::StrCat("wrong bytes among the first ", received_bytes_);
  return absl::StrCat("the reply ends after ", received_bytes_, " bytes");
}

}  // namespace singleflight::bench
