// Draws what callers ask. Few keys, so that calls meet; the first of them most of all.

#include "tests/simulation/ask.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "tests/core/fakes.h"
#include "tests/wire/deflated.h"

namespace singleflight::simulation {
namespace {

constexpr std::array<absl::string_view, kTenants> kShouted = {"Ann.EXAMPLE", "BOB.example"};
constexpr absl::string_view kCredentials[] = {"Bearer ann", "Bearer bob"};
constexpr absl::string_view kDevices[] = {"phone", "desk"};
constexpr absl::string_view kDirectives[] = {
    "no-cache",    "no-store",    "only-if-cached",         "max-age=1",    "max-stale",
    "max-stale=1", "min-fresh=1", "max-age=1, max-stale=1", "no-transform", "max-age=soon"};
constexpr absl::string_view kTimeouts[] = {"30m", "150m", "700m", "3S"};

constexpr Method kAsked[] = {Method::kGet,  Method::kGet,  Method::kGet,  Method::kGet,
                             Method::kList, Method::kFind, Method::kMine, Method::kMine,
                             Method::kRead, Method::kRead, Method::kPut,  Method::kPutMine};

// Field 1 is the id, field 2 the stamp.
std::string MessageOf(size_t id, int stamp) {
  const std::string text = absl::StrCat("id-", id);
  std::string message = {'\x0a', static_cast<char>(text.size())};
  absl::StrAppend(&message, text);
  message.push_back('\x10');
  message.push_back(static_cast<char>(stamp));
  return message;
}

void MakeRequest(Choices& choices, Ask& ask) {
  const auto& names = choices.OneIn(4) ? kShouted : kAuthorities;
  const size_t named = ask.upstream() == 1 ? ask.tenant : choices.Below(kTenants);
  core::Fields fields = {{":method", "POST"},
                         {":scheme", "http"},
                         {":path", std::string(PathOf(ask.method))},
                         {":authority", std::string(names[named])},
                         {"content-type", "application/grpc"},
                         {"te", "trailers"},
                         {"x-request-id", absl::StrCat(ask.number)}};
  const auto add = [&fields](const char* name, const std::string& value) {
    if (!value.empty()) fields.emplace_back(name, value);
  };
  add("authorization", ask.credential);
  add("x-device", ask.device);
  add("cache-control", ask.cache_control);
  if (ask.accepts_gzip) add("grpc-accept-encoding", "identity,gzip");
  if (choices.OneIn(4)) add("grpc-timeout", std::string(choices.Of(kTimeouts)));
  const std::string plain = MessageOf(ask.id, ask.stamp);
  const bool compressed = choices.OneIn(16);
  if (compressed) add("grpc-encoding", "gzip");
  ask.message =
      compressed ? Framed(wire::Deflated(wire::Encoding::kGzip, plain), true) : Framed(plain);
  ask.request = std::make_shared<const model::Request>(
      absl::get<model::Request>(model::ParseRequest(core::HeadersOf(fields))));
}

}  // namespace

std::string Framed(absl::string_view message, bool compressed) {
  return core::Framed(message, compressed);
}

std::string GroupName(size_t group) { return absl::StrCat("group-", group); }

std::shared_ptr<Ask> DrawAsk(Choices& choices, size_t loop, uint64_t number, Variety variety) {
  const size_t seldom = variety == Variety::kMuch ? 1 : 8;
  auto ask = std::make_shared<Ask>();
  ask->number = number;
  ask->loop = loop;
  ask->method = choices.Of(kAsked);
  ask->tenant = ask->upstream() == 1 ? choices.Below(kTenants) : 0;
  ask->id =
      std::min(choices.Below(kIds), choices.Below(kIds)) / (variety == Variety::kMuch ? 1 : 4);
  ask->trust = choices.OneIn(16 * seldom) ? 2 : 1;
  if (choices.OneIn(2 * seldom)) ask->credential = std::string(choices.Of(kCredentials));
  if (choices.OneIn(2 * seldom)) ask->device = std::string(choices.Of(kDevices));
  ask->stamp = choices.OneIn(4 * seldom) ? 2 : 1;
  if (choices.OneIn(8)) ask->cache_control = std::string(choices.Of(kDirectives));
  ask->accepts_gzip = choices.OneIn(2);
  ask->asks_again = choices.OneIn(8);
  ask->dawdles = choices.OneIn(6);
  ask->client = choices.Below(3);
  MakeRequest(choices, *ask);
  return ask;
}

std::shared_ptr<Ask> Again(const Ask& ask, uint64_t number) {
  auto again = std::make_shared<Ask>(ask);
  again->number = number;
  again->request = std::make_shared<const model::Request>(*ask.request);
  again->role = Role::kAsking;
  again->sent = again->alone = again->asks_again = again->dawdles = false;
  again->got = 0;
  return again;
}

std::string Ask::ToText() const {
  std::string text = absl::StrCat("#", number, " ", PathOf(method), " id-", id);
  if (upstream() == 1) absl::StrAppend(&text, " of ", kAuthorities[tenant]);
  if (!credential.empty()) absl::StrAppend(&text, " as ", credential);
  if (!device.empty()) absl::StrAppend(&text, " from ", device);
  if (stamp != 1) absl::StrAppend(&text, " stamp ", stamp);
  if (trust != 1) absl::StrAppend(&text, " by TLS");
  if (!cache_control.empty()) absl::StrAppend(&text, " {", cache_control, "}");
  if (accepts_gzip) absl::StrAppend(&text, " takes gzip");
  if (const auto timeout = request->timeout()) {
    absl::StrAppend(&text, " within ", absl::FormatDuration(*timeout));
  }
  return text;
}

}  // namespace singleflight::simulation
