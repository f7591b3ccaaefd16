// Compares what an order carries with the token, in a time that says nothing of how much is right.

#include "server/admin/rights.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/tls/small_file.h"

namespace singleflight::admin {
namespace {

constexpr size_t kShortestToken = 16;
constexpr size_t kLongestToken = 4096;

bool IsToken(absl::string_view text) {
  return text.size() >= kShortestToken && text.size() <= kLongestToken &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return absl::ascii_isgraph(c); });
}

bool SameToken(absl::string_view given, absl::string_view wanted) {
  unsigned different = given.size() != wanted.size() ? 1 : 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const char there = given.empty() ? '\0' : given[i % given.size()];
    different |= static_cast<unsigned char>(there ^ wanted[i]);
  }
  return different == 0;
}

// "Bearer TOKEN"; the scheme's case does not matter (RFC 9110 §11.1).
absl::optional<absl::string_view> TokenIn(absl::string_view authorization) {
  constexpr absl::string_view kScheme = "bearer ";
  if (!absl::StartsWithIgnoreCase(authorization, kScheme)) return absl::nullopt;
  return absl::StripAsciiWhitespace(authorization.substr(kScheme.size()));
}

std::string Message(absl::string_view order, Refusal why) {
  switch (why) {
    case Refusal::kNoTokenFile:
      return absl::StrCat(order,
                          " changes what runs, which nobody may: name a file with a token in "
                          "admin.token_file, and restart the proxy");
    case Refusal::kTokenUnreadable:
      return absl::StrCat(order,
                          " wants a token, and the proxy cannot read its own; its log says "
                          "why");
    case Refusal::kNoToken:
      return absl::StrCat(order,
                          " changes what runs: send \"authorization: Bearer TOKEN\", with "
                          "what admin.token_file holds");
    case Refusal::kWrongToken:
      return absl::StrCat(order, " came with a token that is not the one in admin.token_file");
    case Refusal::kWatchers:
      return absl::StrCat(order, ": too many watch already");
    case Refusal::kHost:  // these are said where they are found
    case Refusal::kOrigin:
    case Refusal::kMethod:
    case Refusal::kTooLarge:
    case Refusal::kConnections:
    case Refusal::kTls:
      break;
  }
  return "";
}

}  // namespace

absl::StatusOr<std::string> ReadToken(const std::string& path) {
  absl::StatusOr<std::string> text = tls::ReadSmallFile(path);
  if (!text.ok()) return text.status();
  const absl::string_view token = absl::StripAsciiWhitespace(*text);
  if (IsToken(token)) return std::string(token);
  return absl::InvalidArgumentError(
      absl::StrCat("\"", path, "\" holds no token; write ", kShortestToken, " to ", kLongestToken,
                   " visible ASCII characters, such as \"openssl rand -hex 32\" makes"));
}

absl::Status Rights::MayOrder(Door door, absl::string_view order, absl::string_view peer,
                              absl::optional<absl::string_view> authorization) {
  const auto refuse = [&](Refusal why, absl::string_view detail = "") {
    Refused(door, why);
    const std::string message = Message(order, why);
    spdlog::warn("admin ({}): refused: {}{} ({})", std::string(NameOf(door)), message,
                 std::string(detail), std::string(peer));
    return absl::UnauthenticatedError(message);
  };
  if (token_file_.empty()) return refuse(Refusal::kNoTokenFile);
  if (!authorization.has_value()) return refuse(Refusal::kNoToken);
  const absl::StatusOr<std::string> token = ReadToken(token_file_);
  if (!token.ok()) {
    return refuse(Refusal::kTokenUnreadable, absl::StrCat(": ", token.status().message()));
  }
  const absl::optional<absl::string_view> given = TokenIn(*authorization);
  if (!given.has_value()) return refuse(Refusal::kNoToken);
  return SameToken(*given, *token) ? absl::OkStatus() : refuse(Refusal::kWrongToken);
}

void Rights::Refused(Door door, Refusal why) {
  refused_[static_cast<size_t>(door)][static_cast<size_t>(why)].fetch_add(
      1, std::memory_order_relaxed);
}

void Rights::Show(metrics::Visitor& visitor) const {
  for (size_t door = 0; door < refused_.size(); ++door) {
    for (size_t why = 0; why < refused_[door].size(); ++why) {
      visitor.Count("singleflight_admin_refused_total",
                    "Requests that were refused at the admin addresses, by reason.",
                    {{"door", std::string(NameOf(static_cast<Door>(door)))},
                     {"reason", std::string(NameOf(static_cast<Refusal>(why)))}},
                    refused_[door][why].load(std::memory_order_relaxed));
    }
  }
}

}  // namespace singleflight::admin
