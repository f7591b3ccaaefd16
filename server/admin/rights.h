// Who may change what runs: whoever knows the token, and nobody if there is none. Every door to
// Steering asks here before it passes an order on. What is refused at a door, for this reason or
// another, is counted here.
//
// The token's file is read again at every question, so a new token counts as soon as it is there.
//
// Threads: every method, from any.

#ifndef SINGLEFLIGHT_SERVER_ADMIN_RIGHTS_H_
#define SINGLEFLIGHT_SERVER_ADMIN_RIGHTS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/metrics/by_reason.h"
#include "server/metrics/visitor.h"

namespace singleflight::admin {

// Where somebody came in.
enum class Door : uint8_t {
  kGrpc,
  kHttp,
};

constexpr absl::string_view NameOf(Door door) {
  switch (door) {
    case Door::kGrpc:
      return "grpc";
    case Door::kHttp:
      return "http";
  }
  return "";
}

// Why somebody was refused there.
enum class Refusal : uint8_t {
  kNoTokenFile,      // admin.token_file is not set, so nobody may change anything
  kTokenUnreadable,  // the token's file cannot be read, or holds no token
  kNoToken,          // an order came without a token
  kWrongToken,       // an order came with another token
  kWatchers,         // too many watch already
  kHost,             // the request calls this process by a name that it does not have
  kOrigin,           // the request comes from a page of somebody else
  kMethod,           // an order came as a question
  kTooLarge,         // the request is larger than any that there is
  kConnections,      // too many connections are there already
  kTls,              // the client has shown no certificate that counts, or speaks no TLS
};

constexpr absl::string_view NameOf(Refusal why) {
  switch (why) {
    case Refusal::kNoTokenFile:
      return "no_token_file";
    case Refusal::kTokenUnreadable:
      return "token_unreadable";
    case Refusal::kNoToken:
      return "no_token";
    case Refusal::kWrongToken:
      return "wrong_token";
    case Refusal::kWatchers:
      return "watchers";
    case Refusal::kHost:
      return "host";
    case Refusal::kOrigin:
      return "origin";
    case Refusal::kMethod:
      return "method";
    case Refusal::kTooLarge:
      return "too_large";
    case Refusal::kConnections:
      return "connections";
    case Refusal::kTls:
      return "tls";
  }
  return "";
}

// The token that a file holds, without white space around it: 16 to 4,096 visible ASCII characters.
// Errors: a phrase that names the path and the cure.
absl::StatusOr<std::string> ReadToken(const std::string& path);

class Rights {
 public:
  // The path of the file with the token; empty: there is none.
  explicit Rights(std::string token_file) : token_file_(std::move(token_file)) {}

  // Whether an order may be passed on. `order` is its name, for messages; `peer` is whose it is,
  // for the log; `authorization` is the value of the header of that name. Otherwise
  // UNAUTHENTICATED, which is counted and logged.
  absl::Status MayOrder(Door door, absl::string_view order, absl::string_view peer,
                        absl::optional<absl::string_view> authorization);

  // Counts a refusal that a door decided itself.
  void Refused(Door door, Refusal why);

  void Show(metrics::Visitor& visitor) const;

 private:
  using Counts = std::array<std::atomic<uint64_t>, metrics::kReasons<Refusal>>;

  const std::string token_file_;
  std::array<Counts, metrics::kReasons<Door>> refused_ = {};
};

}  // namespace singleflight::admin

#endif  // SINGLEFLIGHT_SERVER_ADMIN_RIGHTS_H_
