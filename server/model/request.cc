#include "server/model/request.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/model/key_rules.h"
#include "server/wire/timeout.h"

namespace singleflight::model {
namespace {

constexpr absl::string_view kGrpc = "application/grpc";
constexpr size_t kMissing = static_cast<size_t>(-1);

bool IsGrpc(absl::string_view content_type) {
  if (!absl::StartsWithIgnoreCase(content_type, kGrpc)) return false;
  const absl::string_view rest = content_type.substr(kGrpc.size());
  return rest.empty() || rest.front() == '+' || rest.front() == ';';
}

bool PlainPathCharacter(char c) { return c > 0x20 && c < 0x7f && c != '?' && c != '#' && c != '%'; }

// "/service/method": two segments, neither empty nor made of dots.
bool IsMethodPath(absl::string_view path) {
  if (path.empty() || path.front() != '/') return false;
  if (!std::all_of(path.begin(), path.end(), PlainPathCharacter)) return false;
  path.remove_prefix(1);
  const size_t slash = path.find('/');
  if (slash == absl::string_view::npos || slash == 0 || slash + 1 == path.size()) return false;
  const absl::string_view service = path.substr(0, slash);
  const absl::string_view method = path.substr(slash + 1);
  if (method.find('/') != absl::string_view::npos) return false;
  return service != "." && service != ".." && method != "." && method != "..";
}

bool IsPlainAuthority(absl::string_view authority) {
  return !authority.empty() && std::all_of(authority.begin(), authority.end(),
                                           [](char c) { return c > 0x20 && c < 0x7f && c != '@'; });
}

Refusal Reset(absl::string_view why) {
  return {Refusal::Answer::kReset, 0, wire::StatusCode::kInternal, std::string(why)};
}

Refusal Http(int status, absl::string_view why) {
  return {Refusal::Answer::kHttp, status, wire::StatusCode::kUnknown, std::string(why)};
}

Refusal Status(wire::StatusCode code, std::string message) {
  return {Refusal::Answer::kStatus, 200, code, std::move(message)};
}

// Fields that a proxy makes anew or that end at this hop.
bool MadeAnew(absl::string_view name) {
  return absl::StartsWith(name, ":") || name == "te" || name == "host" ||
         name == "content-length" || name == "grpc-timeout";
}

void AddChainMarker(HeadersView fields, absl::string_view hop, Headers& out) {
  std::string chain;
  for (const Field field : fields) {
    if (field.name == kChainMarker) absl::StrAppend(&chain, chain.empty() ? "" : ", ", field.value);
  }
  absl::StrAppend(&chain, chain.empty() ? "" : ", ", hop);
  out.Add(kChainMarker, chain);
}

}  // namespace

// Finds the fields that matter in one pass over the block.
class RequestParser {
 public:
  absl::variant<Request, Refusal> Parse(Headers fields) {
    request_.fields_ = std::move(fields);
    Locate();
    if (method_ != "POST") return Http(405, "gRPC calls are POST");
    if (content_types_ != 1 || !IsGrpc(Value(content_type_))) {
      return Http(415, "the content-type is not application/grpc, once");
    }
    request_.content_type_ = static_cast<uint32_t>(content_type_);
    if (absl::optional<Refusal> refusal = JudgeAuthority()) return *std::move(refusal);
    if (scheme_ != "http" && scheme_ != "https") return Reset("odd :scheme");
    if (path_ == kMissing || !IsMethodPath(Value(path_))) {
      return Status(wire::StatusCode::kUnimplemented, ":path is not of the form /service/method");
    }
    request_.path_ = static_cast<uint32_t>(path_);
    if (absl::optional<Refusal> refusal = JudgeTimeout()) return *std::move(refusal);
    return std::move(request_);
  }

 private:
  absl::string_view Value(size_t at) const { return request_.fields_.At(at).value; }

  void Locate() {
    const HeadersView fields = request_.fields_;
    for (auto at = fields.begin(); at != fields.end(); ++at) {
      const Field field = *at;
      const size_t i = at.offset();
      switch (field.name.size()) {  // most names are ruled out by their length
        case 4:
          if (field.name == "host") Note(i, host_, hosts_);
          break;
        case 5:
          if (field.name == ":path") path_ = i;
          break;
        case 7:
          if (field.name == ":method") method_ = field.value;
          if (field.name == ":scheme") scheme_ = field.value;
          break;
        case 10:
          if (field.name == ":authority") authority_ = i;
          break;
        case 12:
          if (field.name == "content-type") Note(i, content_type_, content_types_);
          if (field.name == "grpc-timeout") Note(i, timeout_, timeouts_);
          break;
      }
    }
  }

  static void Note(size_t at, size_t& first, size_t& count) {
    if (count++ == 0) first = at;
  }

  absl::optional<Refusal> JudgeAuthority() {
    if (hosts_ > 1) return Reset("several host fields");
    if (authority_ == kMissing) authority_ = host_;
    if (authority_ == kMissing) return Reset("no :authority");
    if (host_ != kMissing && Value(host_) != Value(authority_)) {
      return Reset("host differs from :authority");
    }
    if (!IsPlainAuthority(Value(authority_))) return Reset("userinfo or odd bytes in :authority");
    request_.authority_ = static_cast<uint32_t>(authority_);
    return absl::nullopt;
  }

  absl::optional<Refusal> JudgeTimeout() {
    if (timeouts_ == 0) return absl::nullopt;
    request_.timeout_ = wire::ParseTimeout(Value(timeout_));
    if (timeouts_ == 1 && request_.timeout_.has_value()) return absl::nullopt;
    return Status(wire::StatusCode::kInternal,
                  "malformed grpc-timeout: it must be one value of up to eight digits and a unit");
  }

  Request request_;
  absl::string_view method_;
  absl::string_view scheme_;
  size_t path_ = kMissing;
  size_t authority_ = kMissing;
  size_t host_ = kMissing, hosts_ = 0;
  size_t content_type_ = kMissing, content_types_ = 0;
  size_t timeout_ = kMissing, timeouts_ = 0;
};

absl::variant<Request, Refusal> ParseRequest(Headers fields) {
  return RequestParser().Parse(std::move(fields));
}

absl::string_view Request::content_suffix() const {
  return fields_.At(content_type_).value.substr(kGrpc.size());
}

Headers UpstreamFields(const Request& request, const Onward& onward) {
  Headers out;
  out.Add(":method", "POST");
  out.Add(":scheme", onward.scheme);
  out.Add(":path", request.path());
  out.Add(":authority", onward.authority);
  out.Add("te", "trailers");
  if (onward.timeout.has_value()) out.Add("grpc-timeout", wire::FormatTimeout(*onward.timeout));
  for (const Field field : request.fields()) {
    if (MadeAnew(field.name)) continue;
    if (field.name == kChainMarker && !onward.chain_hop.empty()) continue;
    out.Add(field.name, field.value, field.never_index || IsCredential(field.name));
  }
  if (!onward.chain_hop.empty()) AddChainMarker(request.fields(), onward.chain_hop, out);
  return out;
}

Headers DownstreamFields(HeadersView fields, absl::string_view but_for) {
  Headers out;
  for (const Field field : fields) {
    if (field.name == "content-length" || field.name == but_for) continue;
    out.Add(field.name, field.value, field.never_index || field.name == "set-cookie");
  }
  return out;
}

}  // namespace singleflight::model
