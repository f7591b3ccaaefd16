// Judges requests and takes them apart in one pass over the block, and puts blocks together for the
// other side. Rules and their reasons are in docs/semantics.md §6.

#include "server/model/request.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/byte_block.h"
#include "server/base/character_set.h"
#include "server/model/binary_fields.h"
#include "server/model/key_rules.h"
#include "server/model/trace_context.h"
#include "server/wire/timeout.h"

namespace singleflight::model {
namespace {

constexpr absl::string_view kGrpc = "application/grpc";
constexpr size_t kMissing = static_cast<size_t>(-1);

bool IsGrpc(absl::string_view content_type) {
  if (!absl::StartsWith(content_type, kGrpc) && !absl::StartsWithIgnoreCase(content_type, kGrpc)) {
    return false;
  }
  const absl::string_view rest = content_type.substr(kGrpc.size());
  return rest.empty() || rest.front() == '+' || rest.front() == ';';
}

// Visible ASCII, except for characters that end a path or stand for others in it.
constexpr base::CharacterSet kInSegment([](uint8_t c) {
  return c > 0x20 && c < 0x7f && c != '/' && c != '?' && c != '#' && c != '%';
});

bool IsSegment(absl::string_view segment) {
  return !segment.empty() && segment != "." && segment != "..";
}

// "/package.Service/Method", perhaps behind a prefix, which is part of the method's name. So it has
// at least two segments.
bool IsMethodPath(absl::string_view path) {
  size_t segments = 0;
  for (; !path.empty(); ++segments) {
    if (path.front() != '/') return false;
    path.remove_prefix(1);
    const size_t size = kInSegment.Span(path);
    if (!IsSegment(path.substr(0, size))) return false;
    path.remove_prefix(size);
  }
  return segments >= 2;
}

// gRPC servers take nearly any authority: a client on a Unix socket says its path, nothing, or
// "@abstract".
constexpr base::CharacterSet kInAuthority([](uint8_t c) { return c >= 0x20 && c < 0x7f; });

bool IsAuthority(absl::string_view text) {
  constexpr auto kOthers = [](base::ByteBlock c) { return (c < 0x20) | (c >= 0x7f); };
  return base::SurelyNone(text, kOthers) || kInAuthority.HasAllOf(text);
}

absl::string_view WithoutDefaultPort(absl::string_view authority, absl::string_view scheme) {
  return absl::StripSuffix(authority, scheme == "https" ? ":443" : ":80");
}

Refusal Reset(Refused reason, absl::string_view why) {
  return {Refusal::Answer::kReset, 0, wire::StatusCode::kInternal, std::string(why), reason};
}

Refusal Http(int status, Refused reason, absl::string_view why) {
  return {Refusal::Answer::kHttp, status, wire::StatusCode::kUnknown, std::string(why), reason};
}

Refusal Status(wire::StatusCode code, Refused reason, absl::string_view why) {
  return {Refusal::Answer::kStatus, 200, code, std::string(why), reason};
}

absl::optional<Refusal> JudgeBinary(Headers& fields) {
  const absl::optional<std::string> wrong = SeparateBinary(fields);
  if (!wrong.has_value()) return absl::nullopt;
  return Status(wire::StatusCode::kInternal, Refused::kBinary, *wrong);
}

// Fields that a proxy replaces, or that end at this hop.
bool IsReplaced(absl::string_view name) {
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

constexpr absl::string_view kPreviousAttempts = "grpc-previous-rpc-attempts";

// Of the caller's own, those that it says well count.
std::string PreviousAttempts(HeadersView fields, int here) {
  uint32_t callers = 0;
  if (!absl::SimpleAtoi(fields.Find(kPreviousAttempts).value_or(""), &callers)) callers = 0;
  return absl::StrCat(uint64_t{callers} + static_cast<uint64_t>(here));
}

}  // namespace

// Finds the fields that matter in one pass over the block.
class RequestParser {
 public:
  absl::variant<Request, Refusal> Parse(Headers fields) {
    request_.fields_ = std::move(fields);
    Locate();
    if (method_ != "POST") return Http(405, Refused::kMethod, "gRPC calls are POST");
    if (content_types_ != 1 || !IsGrpc(Value(content_type_))) {
      return Http(415, Refused::kContentType, "the content-type is not application/grpc, once");
    }
    request_.content_type_ = static_cast<uint32_t>(content_type_);
    if (absl::optional<Refusal> refusal = JudgeAuthority()) return *std::move(refusal);
    if (scheme_ != "http" && scheme_ != "https") {
      return Reset(Refused::kScheme, ":scheme is neither http nor https");
    }
    if (path_ == kMissing || !IsMethodPath(Value(path_))) {
      return Status(wire::StatusCode::kUnimplemented, Refused::kPath,
                    ":path names no method: /service/method, maybe behind a prefix, in visible "
                    "ASCII without \"?\", \"#\", \"%\" and segments that are empty or dots");
    }
    request_.path_ = static_cast<uint32_t>(path_);
    if (absl::optional<Refusal> refusal = JudgeTimeout()) return *std::move(refusal);
    if (has_binary_) return ParseBinary();
    return std::move(request_);
  }

 private:
  absl::string_view Value(size_t at) const { return request_.fields_.At(at).value; }
  absl::string_view ValueOr(size_t at) const {
    return at == kMissing ? absl::string_view() : Value(at);
  }

  // A block that has changed is parsed again, because its fields have moved.
  absl::variant<Request, Refusal> ParseBinary() {
    Headers& fields = request_.fields_;
    const size_t before = fields.fields();
    if (absl::optional<Refusal> refusal = JudgeBinary(fields)) return *std::move(refusal);
    if (fields.fields() != before) return RequestParser().Parse(std::move(fields));
    return std::move(request_);
  }

  void Locate() {
    const HeadersView fields = request_.fields_;
    for (auto at = fields.begin(); at != fields.end(); ++at) {
      const Field field = *at;
      const size_t i = at.offset();
      has_binary_ |= IsBinary(field.name);
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
        case 13:
          if (field.name == "cache-control") request_.has_cache_control_ = true;
          break;
      }
    }
  }

  static void Note(size_t at, size_t& first, size_t& count) {
    if (count++ == 0) first = at;
  }

  // `host` may stand in for the authority, and says the same if both are there.
  absl::optional<Refusal> JudgeAuthority() {
    if (hosts_ > 1) return Reset(Refused::kHost, "several host fields");
    const absl::string_view host = ValueOr(host_), named = ValueOr(authority_);
    const size_t at = named.empty() ? host_ : authority_;
    if (!IsAuthority(ValueOr(at))) {
      return Reset(Refused::kAuthority, "a control character or obs-text in the authority");
    }
    if (!host.empty() && !named.empty() && !SameAuthority(host, named)) {
      return Reset(Refused::kHost, "host differs from :authority");
    }
    if (at != kMissing) request_.authority_ = static_cast<uint32_t>(at);
    return absl::nullopt;
  }

  bool SameAuthority(absl::string_view a, absl::string_view b) const {
    return a == b ||
           absl::EqualsIgnoreCase(WithoutDefaultPort(a, scheme_), WithoutDefaultPort(b, scheme_));
  }

  absl::optional<Refusal> JudgeTimeout() {
    if (timeouts_ == 0) return absl::nullopt;
    request_.timeout_ = wire::ParseTimeout(Value(timeout_));
    if (timeouts_ == 1 && request_.timeout_.has_value()) return absl::nullopt;
    return Status(wire::StatusCode::kInternal, Refused::kTimeout,
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
  bool has_binary_ = false;
};

absl::variant<Request, Refusal> ParseRequest(Headers fields) {
  return RequestParser().Parse(std::move(fields));
}

absl::optional<Refusal> JudgeTrailers(Headers& trailing) { return JudgeBinary(trailing); }

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
    if (IsReplaced(field.name)) continue;
    if (field.name == kChainMarker && !onward.chain_hop.empty()) continue;
    if (field.name == kTraceparent && !onward.traceparent.empty()) continue;
    if (field.name == kPreviousAttempts && onward.previous_attempts > 0) continue;
    out.Add(field.name, field.value, field.never_index || IsCredential(field.name));
  }
  if (!onward.chain_hop.empty()) AddChainMarker(request.fields(), onward.chain_hop, out);
  if (!onward.traceparent.empty()) out.Add(kTraceparent, onward.traceparent);
  if (onward.previous_attempts > 0) {
    out.Add(kPreviousAttempts, PreviousAttempts(request.fields(), onward.previous_attempts));
  }
  return out;
}

Headers DownstreamFields(HeadersView fields, std::initializer_list<absl::string_view> but_for) {
  Headers out;
  for (const Field field : fields) {
    if (field.name == "content-length") continue;
    if (std::find(but_for.begin(), but_for.end(), field.name) != but_for.end()) continue;
    out.Add(field.name, field.value, field.never_index || field.name == "set-cookie");
  }
  return out;
}

}  // namespace singleflight::model
