#include "server/stub/verdict.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace singleflight::stub {
namespace {

using Kind = core::UpstreamFailure::Kind;
using core::Unanswered;
using upstream::ReplyRefusal;

// What the core library of gRPC 1.51 says.
constexpr absl::string_view kReset = "Received RST_STREAM with error code ";
constexpr absl::string_view kHttpStatus = "Received http2 header with status: ";
constexpr absl::string_view kNoStatus = "Stream removed";  // or one that could not be read
constexpr absl::string_view kTooLarge = "metadata size exceeds limit";
constexpr absl::string_view kDeadline = "Deadline Exceeded";
constexpr absl::string_view kNoAnswerToPing = "keepalive watchdog timeout";

// Its transport, of a connection that ended. Then the system's words stand behind a call's name.
bool IsAboutConnection(absl::string_view text) {
  constexpr absl::string_view kTexts[] = {"Socket closed", "Transport closed", "Broken pipe",
                                          "Connection reset by peer", "Connection timed out"};
  return std::find(std::begin(kTexts), std::end(kTexts), text) != std::end(kTexts) ||
         absl::StartsWith(text, "recvmsg:") || absl::StartsWith(text, "sendmsg:") ||
         absl::StrContains(text, "GOAWAY");
}

// Where a call failed before it had a connection. A status that came by one, or that the transport
// made, has this in its words.
bool IsOfNoConnection(absl::string_view debug) {
  return !absl::StrContains(debug, "Error received from peer");
}

Verdict Refused(ReplyRefusal how) {
  const bool large = how == ReplyRefusal::kHeaderBytes;
  return {Kind::kRefused, large ? Unanswered::kBound : Unanswered::kMalformed, 0, how};
}

}  // namespace

absl::optional<Verdict> Judge(const Outcome& outcome) {
  if (outcome.status.ok()) return absl::nullopt;
  const std::string& message = outcome.status.error_message();
  absl::string_view text = message;
  if (IsOfNoConnection(outcome.debug)) return Verdict{Kind::kUnreachable, Unanswered::kUnreachable};
  if (absl::ConsumePrefix(&text, kReset)) {
    Verdict verdict = {Kind::kReset, Unanswered::kReset};
    if (absl::SimpleAtoi(text, &verdict.reset_code)) return verdict;
  }
  if (absl::StartsWith(text, kHttpStatus) || text == kNoStatus) {
    return Refused(ReplyRefusal::kMalformed);
  }
  if (absl::EndsWith(text, kTooLarge)) return Refused(ReplyRefusal::kHeaderBytes);
  if (text == kDeadline && outcome.past_deadline) {
    return Verdict{Kind::kUnreachable, Unanswered::kDeadline};
  }
  if (outcome.status.error_code() != grpc::StatusCode::UNAVAILABLE) return absl::nullopt;
  if (text == kNoAnswerToPing) return Verdict{Kind::kLost, Unanswered::kPingTimeout};
  if (IsAboutConnection(text)) return Verdict{Kind::kLost, Unanswered::kConnectionLost};
  return absl::nullopt;
}

std::string WordsOf(const Verdict& verdict, absl::string_view message) {
  switch (verdict.why) {
    case Unanswered::kUnreachable:
      return absl::StrCat("gRPC cannot reach it: ", message);
    case Unanswered::kDeadline:
      return "no reply within the deadline";
    case Unanswered::kPingTimeout:
      return "the backend is silent and answered no PING (ping_timeout)";
    case Unanswered::kConnectionLost:
      return absl::StrCat("the connection was lost before the reply was whole: ", message);
    case Unanswered::kBound:
      return absl::StrCat(message, " (upstreams[].max_reply_header_bytes)");
    case Unanswered::kMalformed:
      return absl::StrCat("its reply was refused by gRPC: ", message);
    default:
      return std::string(message);
  }
}

}  // namespace singleflight::stub
