// Finds what is wrong with an address, and the spelling that was probably meant.

#include "server/config/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/types/optional.h"
#include "server/config/problems.h"
#include "server/config/scalars.h"

namespace singleflight::config {
namespace {

constexpr size_t kLongestUnixPath = 107;  // sockaddr_un holds 108 bytes, the last of them zero
constexpr size_t kLongestHost = 253;      // RFC 1035 §2.3.4

enum class Side {
  kListen,   // nothing is looked up; port 0 takes any free one
  kConnect,  // names are allowed; a port is named
};

bool IsIpv4(absl::string_view host) {
  in_addr address;
  return inet_pton(AF_INET, std::string(host).c_str(), &address) == 1;
}

bool IsIpv6(absl::string_view host) {
  in6_addr address;
  return inet_pton(AF_INET6, std::string(host).c_str(), &address) == 1;
}

bool IsHostCharacter(char c) { return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_'; }

bool LooksLikeIpv4(absl::string_view host) {
  return std::all_of(host.begin(), host.end(),
                     [](char c) { return absl::ascii_isdigit(c) || c == '.'; });
}

// The host in suggestions, if the text has none or one that means "every address".
absl::string_view AnyHost(Side side) { return side == Side::kListen ? "0.0.0.0" : "127.0.0.1"; }

// The port in suggestions.
absl::string_view UsualPort(Side side) { return side == Side::kListen ? "8080" : "50051"; }

std::string HostMistake(absl::string_view host, Side side) {
  if (side == Side::kListen && host != "localhost" && !IsIpv4(host)) {
    return "has a host that is no IP address; try \"0.0.0.0\", \"127.0.0.1\" or \"localhost\"";
  }
  if (host.size() > kLongestHost)
    return absl::StrCat("has a host of more than ", kLongestHost, " characters");
  if (!std::all_of(host.begin(), host.end(), IsHostCharacter)) {
    return "has a host that is no name and no IP address; use letters, digits, \".\", \"-\" and "
           "\"_\"";
  }
  if (LooksLikeIpv4(host) && !IsIpv4(host))
    return "has a host that is no IPv4 address; try \"127.0.0.1\"";
  if (HasEmptyLabel(host)) {
    return "has a host with nothing beside a dot; use a name such as \"catalog.example\"";
  }
  return "";
}

std::string PortMistake(absl::string_view port, Side side) {
  const uint64_t lowest = side == Side::kListen ? 0 : 1;
  const absl::optional<uint64_t> number = ParseWhole(port);
  if (number.has_value() && *number >= lowest && *number <= 65535) return "";
  return absl::StrCat("has the port ", Quoted(port), "; a port is a number from ", lowest,
                      " to 65535");
}

std::string UnixMistake(absl::string_view path) {
  if (!absl::StartsWith(path, "/"))
    return "has no absolute path; try \"unix:/run/singleflight.sock\"";
  if (path.size() > kLongestUnixPath) {
    return absl::StrCat("has a path of ", path.size(), " bytes; a Unix socket allows ",
                        kLongestUnixPath);
  }
  if (!std::all_of(path.begin(), path.end(),
                   [](unsigned char c) { return c > 0x20 && c != 0x7f; })) {
    return "has a path with white space or control characters; use a path without them";
  }
  return "";
}

std::string Ipv6Mistake(absl::string_view text, Side side) {
  const size_t end = text.find(']');
  if (end == absl::string_view::npos) return "has no closing bracket; try \"[::1]:8080\"";
  if (!IsIpv6(text.substr(1, end - 1)))
    return "has no IPv6 address between its brackets; try \"[::1]:8080\"";
  absl::string_view rest = text.substr(end + 1);
  if (!absl::ConsumePrefix(&rest, ":")) {
    return absl::StrCat("has no port; try ",
                        Quoted(absl::StrCat(text.substr(0, end + 1), ":", UsualPort(side))));
  }
  return PortMistake(rest, side);
}

// For a text whose colons do not divide it into host and port.
std::string ShapeMistake(absl::string_view text, Side side) {
  const size_t scheme = text.find("://");
  if (scheme != absl::string_view::npos) {
    const size_t host = text.find_first_not_of('/', scheme + 1);
    return absl::StrCat(
        "has a scheme; try ",
        Quoted(host == absl::string_view::npos ? "127.0.0.1:50051" : text.substr(host)));
  }
  if (IsIpv6(text))
    return absl::StrCat("has no port; try ",
                        Quoted(absl::StrCat("[", text, "]:", UsualPort(side))));
  const size_t last = text.rfind(':');
  if (last == absl::string_view::npos) {
    const bool only_port = ParseWhole(text).has_value();
    return absl::StrCat(only_port ? "has no host; try " : "has no port; try ",
                        Quoted(only_port ? absl::StrCat(AnyHost(side), ":", text)
                                         : absl::StrCat(text, ":", UsualPort(side))));
  }
  return absl::StrCat("has too many colons; an IPv6 address stands in brackets, try ",
                      Quoted(absl::StrCat("[", text.substr(0, last), "]", text.substr(last))));
}

std::string HostPortMistake(absl::string_view text, Side side) {
  if (text.empty())
    return absl::StrCat("is no address; try \"", AnyHost(side), ":", UsualPort(side), "\"");
  if (text[0] == '[') return Ipv6Mistake(text, side);
  if (std::count(text.begin(), text.end(), ':') != 1 || absl::StrContains(text, "://")) {
    return ShapeMistake(text, side);
  }
  const size_t colon = text.find(':');
  const absl::string_view host = text.substr(0, colon);
  const absl::string_view port = text.substr(colon + 1);
  if (host.empty() || host == "*") {
    return absl::StrCat("has no host; try ", Quoted(absl::StrCat(AnyHost(side), ":", port)));
  }
  std::string mistake = HostMistake(host, side);
  return mistake.empty() ? PortMistake(port, side) : mistake;
}

std::string AddressMistake(absl::string_view text, Side side) {
  if (absl::StartsWith(text, "unix-abstract:") || absl::StartsWith(text, "unix:@")) {
    return "is an abstract socket, which only has a name; use one with a path, such as "
           "\"unix:/run/singleflight.sock\"";
  }
  if (absl::ConsumePrefix(&text, "unix:")) return UnixMistake(text);
  return HostPortMistake(text, side);
}

std::string Ipv4ListMistake(absl::string_view list) {
  for (absl::string_view address : absl::StrSplit(list, ',')) {
    if (!IsIpv4(address.substr(0, address.rfind(':')))) {
      return "has no IPv4 address with a port in every place; try \"ipv4:127.0.0.1:50051\"";
    }
    std::string mistake = HostPortMistake(address, Side::kConnect);
    if (!mistake.empty()) return mistake;
  }
  return "";
}

std::string Ipv6ListMistake(absl::string_view list) {
  for (absl::string_view address : absl::StrSplit(list, ',')) {
    if (!absl::StartsWith(address, "[")) {
      return "has no IPv6 address in brackets with a port in every place; try \"ipv6:[::1]:50051\"";
    }
    std::string mistake = Ipv6Mistake(address, Side::kConnect);
    if (!mistake.empty()) return mistake;
  }
  return "";
}

// That only gRPC resolves, by what it asks a control plane.
bool IsForGrpc(absl::string_view scheme) { return scheme == "xds" || scheme == "google-c2p"; }

// For a target with a scheme, and the rest behind it.
std::string SchemeMistake(absl::string_view scheme, absl::string_view rest) {
  if (IsForGrpc(scheme)) {
    return "is for gRPC to resolve; add \"transport: grpc\" to the upstream";
  }
  const bool tls = scheme == "https" || scheme == "grpcs";
  const bool of_the_web = tls || scheme == "http" || scheme == "grpc" || scheme == "h2c" ||
                          scheme == "tcp" || scheme == "h2";
  const std::string target(rest.substr(0, rest.find_first_of("/?#")));
  if (!of_the_web || target.empty()) {
    return "has an unknown scheme; a target is dns:///host:port, host:port, ipv4:…, ipv6:… or "
           "unix:/path";
  }
  const bool has_port = PortMistake(target.substr(target.rfind(':') + 1), Side::kConnect).empty();
  return absl::StrCat("has a scheme, which a target goes without; try ",
                      Quoted(has_port ? target : absl::StrCat(target, tls ? ":443" : ":80")),
                      tls ? " with \"tls: true\" beside it" : "");
}

bool IsAuthority(absl::string_view text, bool star_allowed) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](unsigned char c) {
    return absl::ascii_isgraph(c) && !absl::StrContains("/?#%@\\\"<>^`{|}", c) &&
           (star_allowed || c != '*');
  });
}

}  // namespace

bool HasEmptyLabel(absl::string_view host) {
  absl::ConsumeSuffix(&host, ".");
  return host.empty() || host.front() == '.' || host.back() == '.' || absl::StrContains(host, "..");
}

std::string ListenerAddressMistake(absl::string_view text) {
  return AddressMistake(text, Side::kListen);
}

std::string UnixModeMistake(absl::string_view text) {
  const bool octal =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c < '8'; });
  if (!octal || text.size() != 4 || text[0] != '0') {
    return absl::StrCat("is no mode; write four octal digits, the first of them 0, such as ",
                        Quoted(octal && text.size() == 3 ? absl::StrCat("0", text) : "0660"));
  }
  const bool writable =
      std::any_of(text.begin() + 1, text.end(), [](char c) { return ((c - '0') & 2) != 0; });
  if (writable) return "";
  return "lets nobody connect, which takes the right to write; try \"0660\"";
}

std::string GroupMistake(absl::string_view text) {
  const bool visible =
      std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > 0x20 && c != 0x7f; });
  if (visible && !text.empty() && text.size() <= 256) return "";
  return "is no group; write its name or its number";
}

std::string HealthAddressMistake(absl::string_view text) {
  if (absl::StartsWith(text, "unix:"))
    return "is no TCP address, which probes need; try \"0.0.0.0:9900\"";
  return HostPortMistake(text, Side::kListen);
}

std::string EndpointMistake(absl::string_view text) { return AddressMistake(text, Side::kConnect); }

std::string TargetMistake(absl::string_view text) {
  if (absl::ConsumePrefix(&text, "dns:///")) return HostPortMistake(text, Side::kConnect);
  if (absl::StartsWith(text, "dns:"))
    return "is no target; dns has three slashes, try \"dns:///name:50051\"";
  if (absl::ConsumePrefix(&text, "ipv4:")) return Ipv4ListMistake(text);
  if (absl::ConsumePrefix(&text, "ipv6:")) return Ipv6ListMistake(text);
  if (absl::string_view path = text; absl::ConsumePrefix(&path, "unix://")) {
    return absl::StrCat("has too many slashes; try ",
                        Quoted(absl::StrCat("unix:/", absl::StripPrefix(path, "/"))));
  }
  if (const size_t scheme = text.find("://"); scheme != absl::string_view::npos) {
    return SchemeMistake(text.substr(0, scheme), text.substr(scheme + 3));
  }
  return AddressMistake(text, Side::kConnect);
}

std::string GrpcTargetMistake(absl::string_view text) {
  const absl::string_view whole = text;
  if (absl::ConsumePrefix(&text, "unix-abstract:")) {
    return text.empty() ? "has no name; try \"unix-abstract:singleflight\"" : "";
  }
  const size_t scheme = text.find("://");
  if (scheme == absl::string_view::npos) return TargetMistake(whole);
  const absl::string_view rest = text.substr(scheme + 3);
  const size_t slash = rest.find('/');
  if (IsForGrpc(text.substr(0, scheme))) {
    const bool named =
        slash != absl::string_view::npos && IsAuthority(rest.substr(slash + 1), false);
    return named ? "" : "has no name; write three slashes and a name, such as \"xds:///catalog\"";
  }
  if (text.substr(0, scheme) != "dns") {
    return absl::StrCat(TargetMistake(whole),
                        ", and with \"transport: grpc\" xds:///name, google-c2p:///name, "
                        "dns://server/host:port or unix-abstract:name");
  }
  if (slash == 0) return TargetMistake(whole);
  if (slash == absl::string_view::npos) {
    return "has no name; try \"dns:///name:50051\", or \"dns://server/name:50051\"";
  }
  return HostPortMistake(rest.substr(slash + 1), Side::kConnect);
}

std::string AuthorityMistake(absl::string_view text) {
  if (IsAuthority(text, /*star_allowed=*/false)) return "";
  return "is no authority; use \"default\", \"preserve\" or a name such as \"catalog.example:443\"";
}

std::string AuthorityPatternMistake(absl::string_view text) {
  if (IsAuthority(text, /*star_allowed=*/true)) return "";
  return "is no authority; use a name such as \"catalog.example\" or \"*.example\"";
}

}  // namespace singleflight::config
