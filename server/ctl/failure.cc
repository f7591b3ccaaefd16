#include "server/ctl/failure.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace singleflight::ctl {
namespace {

constexpr int kDone = 0;
constexpr int kRefused = 1;
constexpr int kUsage = 2;
constexpr int kUnreachable = 3;
constexpr int kNoRight = 4;

bool SaysAnyOf(const std::string& text, std::initializer_list<absl::string_view> words) {
  for (absl::string_view word : words) {
    if (absl::StrContains(text, word)) return true;
  }
  return false;
}

// gRPC tells why it could not connect in the text alone.
absl::Status Unreachable(const std::string& why, const Place& place) {
  if (SaysAnyOf(why, {"Permission denied"})) {
    return absl::PermissionDeniedError(
        absl::StrCat("you may not connect to ", place.address,
                     ": only the user and the group of that socket may; try sudo"));
  }
  if (SaysAnyOf(why, {"Connection refused", "No such file or directory"})) {
    return absl::UnavailableError(absl::StrCat(
        "nothing listens at ", place.address, ": does the proxy run, and is `admin.grpc` in its ",
        "configuration? --address or SINGLEFLIGHT_ADMIN says where it is"));
  }
  if (place.tls && SaysAnyOf(why, {"andshake", "SSL", "ertificate"})) {
    return absl::UnavailableError(absl::StrCat(
        "no TLS with ", place.address, ": is its certificate of those in --ca, and --certificate ",
        "of those that it trusts? (", why, ")"));
  }
  const absl::string_view cure =
      place.tls ? "" : "; if it wants TLS there, give --ca, --certificate and --private-key";
  return absl::UnavailableError(absl::StrCat("cannot talk to ", place.address, ": ", why, cure));
}

absl::Status NoToken(const std::string& why, const Place& place) {
  return absl::PermissionDeniedError(absl::StrCat(
      place.address, " wants the token for this: ", why,
      "; --token-file or SINGLEFLIGHT_TOKEN_FILE names the file that `admin.token_file` names"));
}

absl::Status NoSuchQuestion(const std::string& why, const Place& place) {
  return absl::FailedPreconditionError(absl::StrCat(
      place.address, " does not know this question",
      why.empty() ? "" : absl::StrCat(" (", why, ")"),
      ": is it a listener for calls, where `admin.grpc` is another address, or an older proxy?"));
}

}  // namespace

int ExitStatus(const absl::Status& status) {
  if (status.ok()) return kDone;
  if (absl::IsInvalidArgument(status)) return kUsage;
  if (absl::IsUnavailable(status)) return kUnreachable;
  return absl::IsPermissionDenied(status) ? kNoRight : kRefused;
}

absl::Status FromGrpc(const grpc::Status& status, const Place& place) {
  const std::string& why = status.error_message();
  switch (status.error_code()) {
    case grpc::StatusCode::OK:
      return absl::OkStatus();
    case grpc::StatusCode::UNAVAILABLE:
      return Unreachable(why, place);
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return absl::UnavailableError(absl::StrCat("no answer from ", place.address, " within ",
                                                 absl::FormatDuration(place.timeout),
                                                 "; --timeout gives it longer"));
    case grpc::StatusCode::UNAUTHENTICATED:
      return NoToken(why, place);
    case grpc::StatusCode::PERMISSION_DENIED:
      return absl::PermissionDeniedError(absl::StrCat(place.address, " refuses this: ", why));
    case grpc::StatusCode::UNIMPLEMENTED:
      return NoSuchQuestion(why, place);
    default:
      return absl::FailedPreconditionError(why);
  }
}

}  // namespace singleflight::ctl
