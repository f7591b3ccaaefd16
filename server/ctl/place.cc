// The command line goes before the environment, and that before the defaults.

#include "server/ctl/place.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace singleflight::ctl {
namespace {

constexpr absl::Duration kLeastTimeout = absl::Milliseconds(1);
constexpr absl::Duration kMostTimeout = absl::Hours(1);

// Errors: the reason alone, as the system calls it.
absl::StatusOr<std::string> Contents(const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    return absl::NotFoundError(errno != 0 ? std::strerror(errno) : "it is empty");
  }
  return text.str();
}

absl::Status ReadInto(const Arguments& arguments, const std::string& option, std::string* text) {
  if (!arguments.Has(option)) return absl::OkStatus();
  const absl::StatusOr<std::string> contents = Contents(arguments.Get(option));
  if (!contents.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(option, ": cannot read ", arguments.Get(option),
                                                   ": ", contents.status().message()));
  }
  *text = *contents;
  return absl::OkStatus();
}

absl::Status ReadTls(const Arguments& arguments, Place& place) {
  place.tls =
      arguments.Has("--ca") || arguments.Has("--certificate") || arguments.Has("--private-key");
  if (arguments.Has("--certificate") != arguments.Has("--private-key")) {
    return absl::InvalidArgumentError(
        "--certificate and --private-key go together: give both, or neither");
  }
  for (const auto& [option, text] :
       {std::make_pair("--ca", &place.ca), std::make_pair("--certificate", &place.certificate),
        std::make_pair("--private-key", &place.private_key)}) {
    if (absl::Status status = ReadInto(arguments, option, text); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// "/run/x.sock" → "unix:/run/x.sock"
absl::StatusOr<std::string> Address(std::string given) {
  if (absl::StartsWith(given, "/")) return "unix:" + given;
  if (absl::StrContains(given, "://")) {
    return absl::InvalidArgumentError(
        absl::StrCat("address '", given, "': give HOST:PORT or unix:/PATH alone"));
  }
  if (absl::StrContains(given, ':')) return given;
  return absl::InvalidArgumentError(
      absl::StrCat("address '", given, "': give HOST:PORT or unix:/PATH"));
}

std::string FirstOf(std::initializer_list<std::string> values) {
  for (const std::string& value : values) {
    if (!value.empty()) return value;
  }
  return "";
}

absl::Status BadToken(const std::string& path, absl::string_view why) {
  return absl::PermissionDeniedError(
      absl::StrCat("cannot take the token from ", path, ": ", why,
                   "; it is the file that the proxy's admin.token_file names, and its reader may "
                   "be root alone"));
}

bool FitsAHeader(const std::string& token) {
  return std::all_of(token.begin(), token.end(),
                     [](unsigned char c) { return absl::ascii_isgraph(c); });
}

}  // namespace

bool Place::local() const {
  for (absl::string_view here : {"unix:", "unix-abstract:", "127.", "localhost:", "[::1]:"}) {
    if (absl::StartsWith(address, here)) return true;
  }
  return false;
}

absl::StatusOr<Place> FindPlace(const Arguments& arguments, const Environment& environment) {
  Place place;
  absl::StatusOr<std::string> address =
      Address(FirstOf({arguments.Get("--address"), environment("SINGLEFLIGHT_ADMIN").value_or(""),
                       kDefaultAddress}));
  if (!address.ok()) return address.status();
  place.address = *std::move(address);
  if (absl::Status status = ReadTls(arguments, place); !status.ok()) return status;
  const absl::StatusOr<absl::Duration> timeout =
      arguments.Duration("--timeout", kUsualTimeout, kLeastTimeout, kMostTimeout);
  if (!timeout.ok()) return timeout.status();
  place.timeout = *timeout;
  return place;
}

absl::StatusOr<std::string> ReadToken(const Arguments& arguments, const Environment& environment) {
  const std::string named =
      FirstOf({arguments.Get("--token-file"), environment("SINGLEFLIGHT_TOKEN_FILE").value_or("")});
  const std::string path = FirstOf({named, kDefaultTokenFile});
  const absl::StatusOr<std::string> contents = Contents(path);
  if (!contents.ok() && named.empty()) return std::string();
  if (!contents.ok()) return BadToken(path, contents.status().message());
  std::string token(absl::StripAsciiWhitespace(*contents));
  if (token.empty()) return BadToken(path, "it is empty");
  if (!FitsAHeader(token)) return BadToken(path, "it is not one word of ASCII");
  return token;
}

}  // namespace singleflight::ctl
